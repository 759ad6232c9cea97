# ruff: noqa: E501  one line for both languages keeps them together
"""Words of the trainings that one can watch: their knobs, their scores, failures that can be relied on, and what goes wrong."""

LAB: dict[str, tuple[str, str]] = {
    # what goes wrong
    "lab_method": ("There is no method called {method} here. Please choose one of: {methods}.", "这里没有名为 {method} 的方法，请从以下方法中选择：{methods}。"),
    "lab_died": ("This training was ended from outside, perhaps for lack of memory. What was shown stays; please start it again.", "这次训练被外部中止了，可能是内存不足。已显示的内容会保留，请重新开始。"),
    "lab_not_a_number": ("The loss is no longer a number: the steps were too large, and the weights flew off. The training was stopped; the weights of before are kept. Try a smaller learning rate.", "损失已经不是一个数了：步子太大，权重飞了出去。训练已停止，之前的权重保留着。请试试更小的学习率。"),
    "lab_runaway": ("The loss runs away: each step makes it worse, because the steps are too large. The training was stopped; the weights of before are kept. Try a smaller learning rate.", "损失失控了：步子太大，每走一步都更糟。训练已停止，之前的权重保留着。请试试更小的学习率。"),
}
