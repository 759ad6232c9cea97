# ruff: noqa: E501  one line for both languages keeps them together
"""Words for whoever serves the page to others: address, certificate, password, downloads beforehand, what is seen from outside."""

SERVING: dict[str, tuple[str, str]] = {
    # in a classroom
    "lan_address": ("In this network the page is at {link}", "在本网络中，页面的地址是 {link}"),
    "lan_none": ("This machine is in no network just now, so nobody else can open the page. Please connect it to the classroom’s network and start again.", "这台机器现在没有连接任何网络，别人打不开页面。请连接教室的网络后重新启动。"),
    "lan_open": ("Whoever is in this network can open it. For a password: --password, or IMGEN_PASSWORD.", "本网络中的任何人都能打开。需要密码时，用 --password 或 IMGEN_PASSWORD。"),
    "certificate_missing": ("There is no file {name}. Please name a certificate and its key, both PEM files.", "找不到文件 {name}。请给出证书和私钥，两者都是 PEM 文件。"),
    "certificate_needed": ("{name} is a key, and there is no certificate to it. Please name that, too: --cert, or IMGEN_CERT.", "{name} 是私钥，但没有给出对应的证书。请用 --cert 或 IMGEN_CERT 一并给出。"),
    "certificate_unusable": ("{name} is no certificate in PEM, its key does not fit or is missing, or the key has a passphrase. Please name a certificate and its key.", "{name} 不是 PEM 格式的证书，或者私钥不匹配、缺失或带有口令。请给出证书和对应的私钥。"),
    "password": ("Password", "密码"),
    "password_enter": ("Go in", "进入"),
    "password_needed": ("This page asks for a password. Please ask whoever gave you its address, such as your teacher.", "这个页面需要密码，请向提供网址的人（例如老师）询问。"),
    "password_wrong": ("That is not the password. Please try again.", "密码不对，请再试一次。"),
    "password_wait": ("There were too many wrong passwords from here. Please wait {minutes} min.", "这里输错密码的次数太多，请等 {minutes} 分钟再试。"),
    "password_short": ("A password needs {least} characters or more. Please choose a longer one.", "密码至少要 {least} 个字符，请换一个长一些的。"),
    # downloads before a lesson
    "download_line": ("{name}: {size} MB, {file} from {repository}", "{name}：{size} MB，来自 {repository} 的 {file}"),
    "download_here": ("{name}: here already", "{name}：已经有了"),
    "download_plan": ("To be downloaded: {count} file(s), {size} MB; free on the disk: {free} MB.", "需要下载 {count} 个文件，共 {size} MB；磁盘剩余 {free} MB。"),
    "download_offered": ("Name models, or --all for everything that the Hub has for this program.", "请写出模型的名称，或用 --all 下载 Hub 上供本程序使用的全部文件。"),
    "download_no_room": ("There is room for {free} MB, and {size} MB are needed. Please free some space, or name another folder with --to.", "磁盘只剩 {free} MB，需要 {size} MB。请清理一些空间，或用 --to 换一个文件夹。"),
    "download_trouble": ("{name}: not had. {words}", "{name}：没有取到。{words}"),
    "download_forbidden": ("HF_HUB_OFFLINE is set, so nothing is asked of the Hub. Please unset it, and try again.", "设置了 HF_HUB_OFFLINE，因此不会访问 Hub。请取消它，然后再试。"),
    "download_failed": ("{failed} of {total} file(s) could not be had, {here} are there. The same command takes up where it ended.", "{total} 个文件中有 {failed} 个没能取到，{here} 个已就绪。再次执行同一命令会从中断处继续。"),
    "download_none": ("{card} needs no download: its weights are here, or it has none.", "{card} 不需要下载：权重已经在这里，或者它没有权重。"),
    "download_to": ("On the other machine set HF_HUB_CACHE to this folder.", "在另一台机器上，把 HF_HUB_CACHE 设为这个文件夹。"),
    # seen from outside
    "log_unknown": ("IMGEN_LOG can be json or nothing, and is “{value}”. Please correct it.", "IMGEN_LOG 只能是 json 或不设置，现在是“{value}”，请改正。"),
    "metrics_unknown": ("IMGEN_METRICS is 1, or the addresses that may read the figures, with commas between them; it is “{value}”. Please correct it.", "IMGEN_METRICS 可以是 1，或者允许读取指标的地址（用逗号分隔），现在是“{value}”，请改正。"),
    "metrics_closed": ("These figures are not for your address. Please ask whoever runs this server to name it in IMGEN_METRICS.", "你的地址不能读取这些指标，请让服务器管理员把它写进 IMGEN_METRICS。"),
}
