"""Which device, which precision, which memory format, and when memory is given back."""

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ROOM = 1 << 30  # bytes in memory above which finished work leaves nothing to the next
QUIET = 2.0  # seconds without work after which it leaves nothing below that, either


_chosen = ""


def best() -> str:
    """The device to work on: the one that was chosen, else the fastest here: "cuda", "mps" or "cpu"."""
    return _chosen or _fastest()


def choose(device: str) -> None:
    """Work on this one from now on, "" on the fastest: a GPU that is lent for a call only seems to be there before."""
    global _chosen
    _chosen = device


@cache
def _fastest() -> str:
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


def mixed_precision(device: str) -> AbstractContextManager[object]:
    """Within it, what multiplies does so in `fast_dtype`, and what adds up stays float32: how networks are trained here."""
    import torch

    fast = fast_dtype(device)
    return nullcontext() if fast == torch.float32 else torch.autocast(device, fast)


def precision(device: str) -> str:
    """The name of `fast_dtype`, for records: "bfloat16" or "float32"."""
    return str(fast_dtype(device)).removeprefix("torch.")


def _cpu_has(flag: str) -> bool:
    try:
        with open("/proc/cpuinfo") as file:
            return any(flag in line.split() for line in file if line.startswith("flags"))
    except OSError:
        return False


def place(net: "torch.nn.Module", device: str, dtype: "torch.dtype") -> "torch.nn.Module":
    """Ready to run: on the device, in the precision, channels last (on a CPU twice as fast), without gradients."""
    import torch

    # Torch's stubs know no call that says all three, which it takes.
    net = net.to(device, dtype, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return net.eval().requires_grad_(False)


def name(device: str) -> str:
    """For people: "CPU", or the GPU's own name."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    return {"mps": "Apple GPU"}.get(device, "CPU")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether smaller tiles may help.  CPU allocations fail as a RuntimeError that only its words tell apart."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "alloc" in str(error).lower()


def size(net: "torch.nn.Module") -> int:
    """Bytes of its parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*net.parameters(), *net.buffers()))


_later: threading.Timer | None = None
_timing = threading.Lock()


def release() -> None:
    """To be called after each piece of work: what it left behind goes back to the system.

    glibc keeps what was freed, on a heap for each thread, and a GPU's allocator likewise.  To get memory anew costs a quick run
    between a tenth and a half of its time, so up to ROOM it is left to the next run, until none has ended for QUIET seconds.
    """
    global _later
    make_room()
    with _timing:
        if _later:
            _later.cancel()
        _later = threading.Timer(QUIET, give_back)
        _later.daemon = True
        _later.start()


def make_room() -> None:
    """What was freed goes back to the system, if this process has more than ROOM."""
    if resident() > ROOM:
        _trim()(0)


def give_back() -> None:
    """All that was freed goes back to the system, at once: up to 0.1 s for a gigabyte."""
    torch = sys.modules.get("torch")
    initialized = getattr(getattr(torch, "cuda", None), "is_initialized", None)  # another thread may be importing it just now
    if torch and initialized and initialized():
        torch.cuda.empty_cache()
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # not glibc; TypeError: Windows
        return lambda _: None


def resident() -> int:
    """Bytes of this process that are in memory; 0 where that is not easily told."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
