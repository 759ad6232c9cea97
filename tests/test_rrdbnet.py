import pytest
import torch

from imgen.models import layers
from imgen.models.rrdbnet import RRDBNet, convert


def tiny() -> RRDBNet:
    torch.manual_seed(0)
    return RRDBNet(blocks=1, width=8, growth=4)


def test_it_enlarges_four_times():
    assert tiny()(torch.rand(2, 3, 5, 7)).shape == (2, 3, 20, 28)


@pytest.mark.parametrize("rows", [1, 4])
def test_bands_leave_no_seam(rows, monkeypatch):
    net, lr = tiny(), torch.rand(1, 3, 15, 9)
    whole = net(lr)  # where gradients are wanted there are no bands
    monkeypatch.setattr(layers, "LEAST", 0)
    monkeypatch.setattr(layers, "BAND", rows * 9 * 16)
    with torch.inference_mode():
        torch.testing.assert_close(net(lr), whole, rtol=0, atol=1e-5)


def test_gradient_reaches_every_parameter():
    net = tiny()
    net(torch.rand(1, 3, 6, 6)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_result_is_float32_whatever_the_weights_are():
    sr = tiny().to(torch.bfloat16, memory_format=torch.channels_last)(torch.rand(1, 3, 6, 6))
    assert sr.dtype == torch.float32 and sr.isfinite().all()


def test_the_input_is_left_as_it_was():
    lr = torch.rand(1, 3, 6, 6)
    before = lr.clone()
    tiny()(lr)
    assert lr.equal(before)


def test_published_names_fit_bare_and_wrapped():
    names = ["conv_first.weight", "body.0.rdb1.conv1.weight", "body.0.rdb3.conv5.bias", "conv_body.bias",
             "conv_up1.weight", "conv_up2.weight", "conv_hr.weight", "conv_last.bias"]  # fmt: skip
    state = tiny().state_dict()
    assert set(names) <= set(state)
    for wrapping in ("", "params_ema.", "params."):
        net = RRDBNet(blocks=1, width=8, growth=4)
        net.load_state_dict(convert({wrapping + name: tensor for name, tensor in state.items()}), strict=True)
        assert all(tensor.equal(state[name]) for name, tensor in net.state_dict().items())


def test_a_dense_block_is_what_the_paper_writes():
    """An independent spelling: x_k = lrelu(conv_k[x, x_1 … x_{k-1}]), y = x + 0.2 conv_5[…]."""
    block, x = tiny().body[0].rdb1, torch.rand(1, 8, 5, 5)
    parts = [x]
    for layer in (block.conv1, block.conv2, block.conv3, block.conv4):
        y = layer(torch.cat(parts, 1))
        parts.append(y.clamp(min=0) + 0.2 * y.clamp(max=0))
    torch.testing.assert_close(block(x), x + 0.2 * block.conv5(torch.cat(parts, 1)))


def test_blocks_and_trunk_add_to_what_came_in():
    net, x = tiny(), torch.rand(1, 8, 5, 5)
    for layer in (net.body[0].rdb1.conv5, net.body[0].rdb2.conv5, net.body[0].rdb3.conv5, net.conv_body):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    torch.testing.assert_close(net.body[0](x), 1.2 * x)  # x + 0.2 · (three blocks that found nothing)
    assert not net(torch.rand(1, 3, 5, 5)).equal(net(torch.rand(1, 3, 5, 5)))  # a picture goes round an empty trunk


def test_the_full_net_has_the_published_number_of_parameters():
    with torch.device("meta"):
        assert sum(p.numel() for p in RRDBNet().parameters()) == 16_697_987
