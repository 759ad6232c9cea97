"""Which device, which precision, which memory format."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@cache
def best() -> str:
    """The fastest device here: "cuda", "mps" or "cpu"."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@cache
def fast_dtype(device: str) -> "torch.dtype":
    """bfloat16 where the hardware multiplies it (emulated it is slower than float32), else float32."""
    import torch

    if device == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else torch.float32
    if device == "cpu" and torch.backends.cpu.get_cpu_capability() == "AVX512" and _cpu_has("avx512_bf16"):
        return torch.bfloat16
    return torch.float32


def _cpu_has(flag: str) -> bool:
    try:
        with open("/proc/cpuinfo") as file:
            return any(flag in line.split() for line in file if line.startswith("flags"))
    except OSError:
        return False


def place(net: "torch.nn.Module", device: str, dtype: "torch.dtype") -> "torch.nn.Module":
    """Ready to run: on the device, in the precision, channels last (on a CPU twice as fast), without gradients."""
    import torch

    return net.to(device, dtype, memory_format=torch.channels_last).eval().requires_grad_(False)


def name(device: str) -> str:
    """For people: "CPU", or the GPU's own name."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return {"mps": "Apple GPU"}.get(device, "CPU")


def release() -> None:
    """Give memory back that nobody uses any more."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether smaller tiles may help.  CPU allocations fail as a RuntimeError that only its words tell apart."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "alloc" in str(error).lower()
