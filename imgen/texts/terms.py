# ruff: noqa: E501  a term and why it is said so stand on one line
"""Which Chinese word stands for which of the field, for whoever reviews or writes Chinese here.  `tests/test_chinese.py` holds it.

They are those of 《深度学习》(Goodfellow, 人民邮电出版社 2017), 《动手学深度学习》 and 全国科学技术名词审定委员会; where these differ, the note
says why one was taken.
"""

from typing import NamedTuple


class Term(NamedTuple):
    """english: a regular expression, in lower case, of whole words.  chinese: the word; after it, others that are right as well."""

    english: str
    chinese: tuple[str, ...]
    note: str = ""


TERMS: tuple[Term, ...] = (
    # networks
    Term("generative adversarial networks?", ("生成对抗网络",), "GAN stands behind it in brackets, or alone in names: 残差 GAN"),
    Term("adversarial", ("对抗",)),
    Term("discriminators?", ("判别器",), "the judge of a story is 鉴定师 or 评委"),
    Term("non-saturating", ("非饱和",)),
    Term("generators?", ("生成器", "生成模型"), "生成模型 where a whole model is meant"),
    Term("variational autoencoders?", ("变分自编码器",), "VAE behind it in brackets"),
    Term("autoencoders?", ("自编码器",)),
    Term("convolutional network", ("卷积神经网络", "卷积网络"), "CNN: 卷积神经网络"),
    Term("convolutions?", ("卷积",)),
    Term("strides?", ("步幅",), "as in 《动手学深度学习》; 步长 is how far a step of training goes"),
    Term("padding", ("填充",)),
    Term("dilat\\w+", ("膨胀",), "膨胀率, 膨胀卷积; not 空洞, which is a hole to fill here"),
    Term("poolings?", ("池化",)),
    Term("feature maps?", ("特征图",)),
    Term("sub-pixel convolution", ("亚像素卷积",), "not 子像素"),
    Term("residual blocks?", ("残差块",)),
    Term("residual", ("残差",)),
    Term("attention", ("注意力", "门控与注意力")),
    Term("flow matching", ("流匹配",)),
    Term("guidance", ("引导",), "not 指导"),
    Term("recurrent", ("循环",), "not 递归, which is recursive"),
    Term("dense layers?", ("全连接层",), "a layer in which all is connected; dense connections (DenseNet) are 密集连接"),
    Term("parameters?", ("参数",)),
    Term("weights?(?! of| zero)(?=.*(file|server|model|network|download|bundled))", ("权重",)),
    # tasks
    Term("super-resolution", ("超分辨率",), "short for 超分辨率重建; not 超清 or 高清"),
    Term("style transfer", ("风格迁移",), "not 风格转换"),
    Term("interpolat\\w+", ("插值",)),
    Term("bicubic", ("双三次",)),
    Term("noise", ("噪声", "噪点", "去噪", "随机数"), "噪声 in formulas and of random numbers; 噪点 that one sees in a photograph"),
    Term("blur", ("模糊",)),
    Term("scratches", ("划痕",)),
    Term("masks?", ("蒙版",), "as in Chinese photo editors; not 掩码, 掩膜 or 遮罩"),
    Term("hole", ("空洞", "填补")),
    Term("non-local means", ("非局部均值",)),
    Term("median", ("中值",)),
    # training
    Term("training", ("训练", "学过")),
    Term("seed", ("种子",)),
    Term("precision(?=.*recall)", ("精确率",), "as in 《统计学习方法》; not 准确率 (accuracy) or 查准率"),
    Term("recall", ("召回率",)),
    Term("overfitted", ("过拟合",)),
    Term("collapsed", ("崩溃",)),
    Term("gradient penalty", ("梯度惩罚",)),
    Term("reconstruction", ("重建",), "not 重构"),
    Term("squared error", ("平方误差",)),
    Term("fréchet distance", ("Fréchet 距离",)),
    Term("gram matrices", ("Gram 矩阵",)),
    Term("features", ("特征",)),
    Term("total variation", ("全变分",)),
    Term("truncation", ("截断",)),
    Term("self-ensemble", ("自集成",)),
    Term("tile", ("分块", "小块")),
    # the page
    Term("models?", ("模型", "名称", "网络", "生成器"), ""),
    Term("pixels?", ("像素",)),
    Term("knobs?", ("参数", "旋钮", "设置"), "参数 in menus; 旋钮 where one is turned"),
    Term("lesson", ("讲解", "课", "怎样工作")),
    Term("licence", ("许可",)),
    Term("queue", ("排队", "队", "位")),
)

# Of the lessons about ideas alone.
LESSON_TERMS: tuple[Term, ...] = (
    Term("transposed convolution", ("转置卷积",), "not 反卷积: it is no inverse"),
    Term("receptive fields?", ("感受野",)),
    Term("activations?", ("激活",)),
    Term("normali[sz]ations?", ("归一化",), "not 规范化 or 标准化"),
    Term("batch normali[sz]ation", ("批归一化",)),
    Term("bias", ("偏置",)),
)

# Words that are not used here, and what is said instead.
FORBIDDEN: dict[str, str] = {
    "生成式对抗网络": "生成对抗网络", "对抗生成网络": "生成对抗网络", "自动编码器": "自编码器", "自编码机": "自编码器", "变分自动编码器": "变分自编码器",
    "辨别器": "判别器", "鉴别器": "判别器", "子像素卷积": "亚像素卷积", "超分辨": "超分辨率", "风格转换": "风格迁移", "残余": "残差",
    "掩码": "蒙版", "掩膜": "蒙版", "遮罩": "蒙版", "图象": "图像", "象素": "像素", "解析度": "分辨率", "卷积神经网路": "卷积神经网络",
    "学习速率": "学习率", "损失函式": "损失", "重构": "重建", "递归网络": "循环网络", "正则化项": "正则项", "过度拟合": "过拟合", "总变差": "全变分", "稠密块": "密集块",
    "不饱和": "非饱和", "帐号": "账号", "登陆": "登录", "缺省": "默认", "其它": "其他", "本页下方": "上面",
}
