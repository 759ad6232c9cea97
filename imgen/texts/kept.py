# ruff: noqa: E501  one line for both languages keeps them together
"""Words of the networks that a visitor has trained and keeps for his visit."""

KEPT: dict[str, tuple[str, str]] = {
    "kept_gone": ("This network that you trained is no longer here: it stays only as long as your visit, and of several the newest four. Please train it again, or choose another model.", "你训练的这个网络已经不在了：它只保留到本次访问结束，而且只留最新的四个。请重新训练，或换一个模型。"),
    "kept_title": ("Mine: {method}, {steps} steps", "我的：{method}，{steps} 步"),
    "kept_about": ("You trained this network here, in the tab Train. Nobody else sees it, and it goes when you close this page; its file, which the tab Train offers, can be kept.", "这是你在“训练”页里训练的网络。只有你能看到它，关闭页面后就会消失；想留住它，可以在“训练”页下载文件。"),
    "kept_gan": ("dense GAN", "全连接 GAN"),
    "kept_dcgan": ("DCGAN", "DCGAN 网络"),
    "kept_vae": ("dense VAE", "全连接 VAE"),
    "kept_autoencoder": ("autoencoder", "自编码器"),
    "kept_cnn": ("classifier", "分类器"),
    "kept_espcn": ("ESPCN", "ESPCN 放大网络"),
    "kept_denoiser": ("denoiser", "去噪网络"),
}
