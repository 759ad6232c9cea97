"""What is to be seen from outside: runs, refusals, requests; nothing of visitors, nothing unless it is asked for."""

import importlib.util
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from conftest import noise_picture

from imgen import watching
from imgen.catalog import find_card
from imgen.controls import UserError
from imgen.ui import health, telemetry
from imgen.watching import DONE, STOPPED, UNEXPECTED, Refusal, Run

ROOT = Path(__file__).parent.parent
has = importlib.util.find_spec
PROMETHEUS = pytest.mark.skipif(not has("prometheus_client"), reason="pip install prometheus-client")


@pytest.fixture
def told(monkeypatch):
    """All that is told, by somebody who watches."""
    found: list = []
    monkeypatch.setattr(watching, "_watchers", [])
    watching.watch(found.append)

    def so_far():
        watching.flush()
        return found

    return so_far


def test_a_run_is_told_with_its_card_size_and_seconds(told):
    result = find_card("bicubic")(noise_picture(20, 30), scale=2)
    (run,) = told()
    assert (run.card, run.width, run.height, run.outcome) == ("bicubic", 30, 20, DONE)
    assert run.seconds == result.origin.seconds and run.device and abs(run.began - time.time()) < 5


def test_of_what_is_made_of_nothing_the_size_is_the_results(told):
    find_card("draw_lines")(size=64, count=1)
    assert [(run.card, run.width, run.height) for run in told()] == [("draw_lines", 64, 64)]


def test_what_ends_early_is_told_with_its_reason(told, monkeypatch):
    with pytest.raises(UserError):
        find_card("bicubic")(noise_picture(20, 30), scale=900)
    frames = find_card("gatys").run(noise_picture(32, 32), paintings=[noise_picture(32, 32)], steps=50)
    next(frames)
    frames.close()
    done = find_card("bicubic").run(noise_picture(20, 30))
    while not next(done).finished:
        pass
    done.close()  # whoever has the result asks for no more
    assert [run.outcome for run in told()] == ["knob_out_of_range", STOPPED, DONE]


def test_a_fault_of_ours_is_told_as_such_and_raised(told):
    def broken(net, picture):
        raise ZeroDivisionError("a secret")
        yield

    with pytest.raises(ZeroDivisionError):
        list(find_card("bicubic").do(broken, noise_picture(8, 8)))
    (run,) = told()
    assert run.outcome == UNEXPECTED and "secret" not in repr(run)


def test_an_error_is_counted_once(told):
    """Those of a run with the run, others as what a visitor was told."""
    from imgen.ui.work import Trouble

    with pytest.raises(UserError) as caught:
        find_card("bicubic")(noise_picture(20, 30), scale=900)
    trouble = Trouble(None)
    trouble.sentence(caught.value)
    trouble.sentence(UserError("picture_unreadable"))
    assert [type(one) for one in told()] == [Run, Refusal] and told()[1].key == "picture_unreadable"


def test_when_nobody_watches_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(watching, "_watchers", [])
    find_card("bicubic")(noise_picture(8, 8))
    watching.refused(UserError("picture_first"))
    assert watching._events.empty()


def test_what_warms_up_is_no_run(told):
    watching.hidden.set(True)
    try:
        find_card("bicubic")(noise_picture(8, 8))
    finally:
        watching.hidden.set(False)
    assert told() == []


def test_a_watcher_that_fails_does_not_cost_the_others_theirs(monkeypatch, caplog):
    found: list = []
    monkeypatch.setattr(watching, "_watchers", [])
    watching.watch(lambda event: 1 / 0)
    watching.watch(found.append)
    watching.refused(UserError("picture_first"))
    watching.flush()
    assert len(found) == 1 and "watcher" in caplog.text


def test_a_run_does_not_wait_for_whoever_is_told(monkeypatch):
    monkeypatch.setattr(watching, "_watchers", [])
    gate = threading.Event()
    watching.watch(lambda event: gate.wait(10))
    began = time.monotonic()
    for _ in range(20):
        find_card("nearest")(noise_picture(8, 8))
    assert time.monotonic() - began < 5
    gate.set()
    watching.flush()


# -- the log -----------------------------------------------------------------------------------------------------------


def test_lines_are_json_and_of_a_log_record_no_words_are_told():
    stream = io.StringIO()
    log = telemetry.Log(stream)
    log.tell(Run("espcn_x4", 0.0, 0.25, 30, 20, DONE, "CPU"))
    log.tell(Run("a pupil's own name", 1.0, 2.0, 0, 0, STOPPED))
    log.tell(Run("espcn_x4", 1.0, 2.0, 1, 1, "result_too_large"))
    log.tell(Refusal(2.0, "picture_unreadable"))
    try:
        raise FileNotFoundError("/home/somebody/holiday.jpg")
    except FileNotFoundError:
        record = logging.LogRecord("imgen", logging.ERROR, "work.py", 7, "of %s", ("10.0.0.7",), sys.exc_info())
    log.handle(telemetry.Kept(SimpleNamespace(put_nowait=None)).prepare(record))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {
        "time": "1970-01-01T00:00:00.000Z", "event": "run", "card": "espcn_x4", "seconds": 0.25, "size": "30x20",
        "device": "CPU", "error": None,
    }
    assert [(line["event"], line.get("error")) for line in lines[1:4]] == [
        ("stopped", None), ("run", "result_too_large"), ("refused", "picture_unreadable")
    ]
    assert lines[4]["event"] == "error" and lines[4]["at"] == "work.py:7"
    assert lines[4]["error"].startswith("FileNotFoundError at test_seen.py:")
    said = stream.getvalue()
    assert not any(secret in said for secret in ("holiday", "somebody", "10.0.0.7", "pupil"))


# -- figures -----------------------------------------------------------------------------------------------------------


@PROMETHEUS
def test_figures_are_what_happened_and_can_be_parsed():
    from prometheus_client.parser import text_string_to_metric_families

    metrics = telemetry.Metrics([])
    for seconds in (0.2, 0.4):
        metrics.tell(Run("espcn_x4", 0.0, seconds, 30, 20, DONE))
    metrics.tell(Run("espcn_x4", 0.0, 9.0, 30, 20, "took_too_long"))
    metrics.tell(Run("somebody's", 0.0, 9.0, 30, 20, DONE))
    metrics.tell(Refusal(0.0, "visitor_busy"))
    said = metrics.library.generate_latest(metrics.registry).decode()
    samples = [one for family in text_string_to_metric_families(said) for one in family.samples]
    found = {(one.name, *sorted(one.labels.values())): one.value for one in samples}
    assert found["imgen_runs_total", "done", "espcn_x4"] == 2 and found["imgen_runs_total", "espcn_x4", "took_too_long"] == 1
    assert found["imgen_run_seconds_sum", "espcn_x4"] == pytest.approx(0.6)
    assert found["imgen_run_seconds_bucket", "0.3", "espcn_x4"] == 1 and found["imgen_run_seconds_count", "own"] == 1
    assert found["imgen_refusals_total", "visitor_busy"] == 1 and "somebody" not in said
    assert {("imgen_waiting", "long"), ("imgen_running", "quick"), ("imgen_ready",)} <= found.keys()


@PROMETHEUS
@pytest.mark.parametrize(("allowed", "address", "may"), [
    ("1", "127.0.0.1", True), ("1", "::1", True), ("1", "::ffff:127.0.0.1", True), ("1", "10.0.0.7", False), ("1", "", False),
    ("10.0.0.0/8, 192.168.1.5", "10.200.0.7", True), ("10.0.0.0/8,192.168.1.5", "192.168.1.6", False), ("yes", "fe80::1", False),
])
def test_figures_are_for_this_machine_and_those_that_are_named(allowed, address, may):
    assert telemetry.Metrics(telemetry.networks(allowed)).may_read(address) == may


@PROMETHEUS
@pytest.mark.parametrize(("trusted", "status"), [("*", 403), ("127.0.0.1", 200)])
def test_where_everybody_may_say_from_where_he_comes_nobody_is_believed(monkeypatch, trusted, status):
    """On a Space whoever wrote X-Forwarded-For: 127.0.0.1 was this machine."""
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    monkeypatch.setattr(telemetry.watching, "watch", lambda teller: None)
    seen = telemetry.begin({"IMGEN_METRICS": "1", "FORWARDED_ALLOW_IPS": trusted})
    client = TestClient(Starlette(routes=seen.routes), client=("127.0.0.1", 5))  # as uvicorn has it by then
    assert client.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == status
    assert client.get("/metrics").status_code == 200


@PROMETHEUS
@pytest.mark.slow
def test_a_served_page_counts_requests_and_runs(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "IMGEN_METRICS": "1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        while b"imgen is at" not in (tmp_path / "log").read_bytes():
            assert process.poll() is None
            time.sleep(0.05)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            assert client.get("/gradio_api/monitoring").status_code == 404
            parameters = client.get("/gradio_api/info").json()["named_endpoints"]["/generate"]["parameters"]
            body = {"data": ["draw_lines" if one["parameter_name"] == "card" else None for one in parameters]}
            event = client.post("/gradio_api/call/generate", json=body).json()["event_id"]
            assert "event: complete" in client.get(f"/gradio_api/call/generate/{event}").text
            said = client.get("/metrics").text
        assert re.search(r'imgen_requests_total{kind="call",status="200"} 2\.0', said)
        assert re.search(r'imgen_runs_total{card="draw_lines",outcome="done"} 1\.0', said)
        assert "process_resident_memory_bytes" in said
    finally:
        process.terminate()
        process.wait(30)


def test_without_the_package_it_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UserError) as caught:
        telemetry.begin({"IMGEN_METRICS": "1"})
    assert caught.value.key == "extra_missing" and caught.value.facts["name"] == "prometheus-client"


@pytest.mark.parametrize("value", ["", "0", "no", "off"])
def test_without_a_setting_there_is_nothing(value):
    seen = telemetry.begin({"IMGEN_METRICS": value, "IMGEN_LOG": ""})
    assert seen.middleware == [] and seen.routes == []


# -- traces ------------------------------------------------------------------------------------------------------------


def test_traces_are_sent_only_where_the_operator_says_so(monkeypatch):
    monkeypatch.setattr(telemetry, "package", lambda module, extra: None)
    assert not telemetry.traced({}) and not telemetry.traced({"OTEL_SERVICE_NAME": "imgen"})
    assert telemetry.traced({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    assert telemetry.traced({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"})
    assert not telemetry.traced({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"})


def test_a_run_is_a_span():
    exporters = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = exporters.InMemorySpanExporter()
    traces = telemetry.Traces(exporter)
    traces.tell(Run("espcn_x4", 1000.0, 0.25, 30, 20, DONE, "CPU"))
    traces.tell(Run("espcn_x4", 1001.0, 0.5, 30, 20, "took_too_long"))
    traces.tell(Refusal(0.0, "visitor_busy"))
    traces.provider.force_flush()
    first, second = exporter.get_finished_spans()
    assert first.name == "imgen.run" and first.attributes["imgen.card"] == "espcn_x4" and first.attributes["imgen.width"] == 30
    assert first.start_time == 1000 * 10**9 and first.end_time - first.start_time == 250_000_000
    assert first.status.is_ok or first.status.status_code.name == "UNSET"
    assert second.status.status_code.name == "ERROR" and second.status.description == "took_too_long"
    traces.provider.shutdown()


# -- health ------------------------------------------------------------------------------------------------------------


def test_it_is_ready_once_it_has_warmed_up(monkeypatch):
    monkeypatch.setattr(health, "warming", None)
    assert not health.ready()
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    monkeypatch.setattr(health, "warming", thread)
    assert not health.ready()
    gate.set()
    thread.join()
    assert health.ready()


def test_numbers_are_plain(told):
    """So that every watcher can write them: no numpy."""
    find_card("bicubic")(noise_picture(20, 30, dtype=np.uint16))
    json.dumps(vars(told()[0]))
