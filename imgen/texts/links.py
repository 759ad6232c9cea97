# ruff: noqa: E501  one line for both languages keeps them together
"""Words of the link to what is seen."""

LINKS: dict[str, tuple[str, str]] = {
    "link_copy": ("Copy link", "复制链接"),
    "link_copied": ("The link is copied: whoever opens it finds this tab, this model, these knobs and this result.", "链接已复制：打开它，就会看到同样的页面、模型、参数和结果。"),
    "link_not_copied": ("This browser does not allow copying: take the link from the field below.", "浏览器不允许自动复制，请从下面的框里手动复制。"),
    "link_address": ("Link", "链接"),
    "link_frame": ("To embed in a page", "嵌入网页的代码"),
    "link_copy_frame": ("Copy the code", "复制代码"),
    "link_kept": ("The network that you trained is not in the link: it is yours alone. In the tab Train a link can be copied that trains it again.", "链接里不含你训练的网络，它只属于你。可以在“训练”页复制链接，别人打开后会重新训练。"),
    "link_own": ("Your own picture is not in the link: it stays here. Whoever opens the link finds the model and the knobs, and gives a picture of his own.", "链接里不含你自己的图片，图片只留在这里。打开链接的人会得到同样的模型和参数，图片由他自己提供。"),
    "link_local": ("This address opens on this computer only. For others in the same network, start imgen with python app.py --lan and open the page under the address that it names.", "这个地址只能在本机打开。要让同一网络里的人也能访问，请用 python app.py --lan 启动，再用它给出的网址打开页面。"),
}
