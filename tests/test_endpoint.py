"""The HTTP client: what is retried, what is not, how fast, how many at once, and what the cache keeps."""

from __future__ import annotations

import base64
import email.utils
import re
import threading
import time
import urllib.parse
from types import SimpleNamespace

import pytest
from servers import CompletionsServer, good_reply

from mathb_kit.endpoint import BadReply, Endpoint, GaveUp
from mathb_kit.errors import MathbError
from mathb_kit.silence import Silence

BODY = {"n": 2, "seed": 5}
STATUSES = [f"status {code}" for code in (408, 409, 425, 429, 500, 503, 529)]
FAULTS = ["cut", "torn", "html", "slow 2", "trickle 2", "trickle-headers 2", *STATUSES]


def once(fault: str):
    return lambda body, before: "good" if before else fault


def endpoint(server: CompletionsServer, **options) -> Endpoint:
    return Endpoint(server.url, **{"pause": 0.001, "seconds": 0.4, **options})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_retried_with_the_same_body(fault):
    with CompletionsServer(once(fault)) as server:
        client = endpoint(server)
        assert client.post("completions", BODY) == good_reply(BODY)
        assert server.bodies() == [BODY, BODY]
        assert (client.traffic.requests, client.traffic.retries) == (2, 1)
        assert client.traffic.completion_tokens == 6  # of the one good reply


def test_a_reply_that_its_reader_refuses_is_retried():
    def read(reply):
        if len(reply["choices"]) > 2:
            raise BadReply("too many")
        return len(reply["choices"])

    with CompletionsServer(once("more")) as server:
        assert endpoint(server).post("completions", BODY, read) == 2
        assert len(server.requests) == 2


def test_a_lasting_fault_ends_after_all_tries_and_says_what_it_was():
    with CompletionsServer(lambda body, before: "status 502") as server:
        with pytest.raises(GaveUp, match=r"HTTP 502 \(it is 502; .*\), after 4 tries"):
            endpoint(server, tries=4).post("completions", BODY)
        assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("status 400", r"HTTP 400 \(it is 400.*leave the problem out"),
        ("status 401", r"HTTP 401 .*set MATHB_API_KEY"),
        ("status 404", r"HTTP 404 .*check the address"),
        ("redirect http://127.0.0.1:9/", r"HTTP 307 .*check the address"),
    ],
)
def test_a_refused_request_is_an_error_at_once(fault, message):
    with CompletionsServer(lambda body, before: fault) as server:
        with pytest.raises(MathbError, match=message):
            endpoint(server).post("completions", BODY)
        assert len(server.requests) == 1


def test_the_key_goes_to_the_server_and_nowhere_else(monkeypatch, tmp_path):
    monkeypatch.setenv("MATHB_API_KEY", "sk-very-secret\n")
    with CompletionsServer(lambda body, before: "status 400" if body["seed"] else "good") as server:
        client = endpoint(server, cache=tmp_path)
        with pytest.raises(MathbError) as refused:  # this server quotes the key in its message
            client.post("completions", BODY)
        assert "very-secret" not in str(refused.value) and "***" in str(refused.value)
        client.post("completions", {"n": 1, "seed": 0})
        assert [request["headers"]["Authorization"] for request in server.requests] == ["Bearer sk-very-secret"] * 2
    kept = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(kept) == 1 and b"secret" not in kept[0].read_bytes() and "secret" not in kept[0].name
    monkeypatch.setenv("MATHB_API_KEY", "sk-very\nsecret")
    with pytest.raises(MathbError, match="MATHB_API_KEY holds characters") as broken:
        client.post("completions", BODY)
    assert "secret" not in str(broken.value)


KEY = "sk-proj+Ab12/cd34=Ef56"


@pytest.mark.parametrize(
    "told",
    [
        f"Incorrect API key provided: {KEY}.",
        "Incorrect API key provided: sk-proj*************Ef56.",
        "Incorrect API key provided: sk-...f56",
        "in the query ?key=" + urllib.parse.quote(KEY, safe=""),
        "in the query ?key=" + urllib.parse.quote(KEY, safe="").lower() + "&model=x",
        "Basic " + base64.b64encode(f"user:{KEY}".encode()).decode(),
        "Basic " + base64.b64encode(KEY.encode()).decode(),
        f"the key {KEY[:12]} is cut",
    ],
)
def test_the_key_is_struck_out_whole_encoded_or_shortened(monkeypatch, told):
    monkeypatch.setenv("MATHB_API_KEY", KEY)
    with CompletionsServer(lambda body, before: f"says no entry; {told}") as server:
        with pytest.raises(MathbError, match="no entry;") as refused:
            endpoint(server).post("completions", BODY)
    text = str(refused.value).lower()
    # Nothing but the ends of an encoded "user:" or a stray pair of characters may be left of it.
    encoded = [KEY, urllib.parse.quote(KEY, safe=""), *(base64.b64encode(b"user:"[i:] + KEY.encode()).decode()[7:]
               for i in range(6))]  # fmt: skip
    assert "***" in text
    assert not any(form[i : i + 5].lower() in text for form in encoded for i in range(len(form) - 4))
    assert "f56" not in text


def test_a_message_that_does_not_quote_the_key_stays_as_it_is(monkeypatch):
    monkeypatch.setenv("MATHB_API_KEY", KEY)
    told = "the model 'qwen' wants ... at most 4096 tokens (you asked for 5000); see https://example.org/docs?page=2"
    with CompletionsServer(lambda body, before: f"says {told}") as server:
        with pytest.raises(MathbError) as refused:
            endpoint(server).post("completions", BODY)
    assert told in str(refused.value)


def test_a_reply_without_end_is_an_error_before_memory_is_full(monkeypatch):
    monkeypatch.setattr("mathb_kit.wire.LARGEST", 1 << 20)
    with CompletionsServer(lambda body, before: "endless") as server:
        with pytest.raises(MathbError, match="sent more than 1 MiB; ask for fewer attempts"):
            endpoint(server, seconds=60).post("completions", BODY)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_holds_back_all_requests(form):
    # A date has whole seconds: of two, at least one is left.
    after = "1" if form == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)
    mood = lambda body, before: "good" if before or body["seed"] else f"status 429 {after}"  # noqa: E731
    with CompletionsServer(mood) as server:
        client = endpoint(server)
        calls = [threading.Thread(target=client.post, args=("completions", {"n": 1, "seed": s})) for s in (0, 1)]
        calls[0].start()
        while client._quiet_until == 0:
            time.sleep(0.001)
        calls[1].start()
        for call in calls:
            call.join()
        times = [request["time"] for request in server.requests]
        assert len(times) == 3 and min(times[1:]) - times[0] >= 0.9


def test_a_quota_that_is_spent_for_the_day_is_not_waited_for():
    with CompletionsServer(lambda body, before: "status 429 86400") as server:
        with pytest.raises(GaveUp, match="asks to come back in 86,400 s"):
            endpoint(server).post("completions", BODY)
        assert len(server.requests) == 1


@pytest.fixture
def impatient(monkeypatch):
    """Ten seconds of silence are a tenth of one here, and a look at the clock is taken ten times as often."""
    monkeypatch.setattr("mathb_kit.silence.TELL_AFTER", 0.1)
    monkeypatch.setattr("mathb_kit.wire._TICK", 0.01)


def test_a_server_that_hangs_is_told_of_and_given_up_within_the_limit(impatient, capsys):
    with CompletionsServer(lambda body, before: "slow 9") as server:
        with pytest.raises(GaveUp, match=r"no reply within 0\.\d+ s, after \d tries and more than 1.2 s"):
            endpoint(server, tries=50).post("completions", BODY)
        assert len(server.requests) <= 4
    told = capsys.readouterr().err
    assert f"{server.url}: no answer yet; 1 request waits, nothing came for" in told


def test_a_wait_that_the_server_asks_for_is_told_before_it_begins(impatient, capsys):
    with CompletionsServer(once("status 429 1")) as server:
        client = endpoint(server)
        client.post("completions", BODY)
        assert len(server.requests) == 2
    assert re.search(r"HTTP 429 \(it is 429.*\); the next try is in 1 s; 1 request waits", capsys.readouterr().err)


def test_silence_is_told_after_ten_seconds_ever_less_often_and_ends_with_an_answer(monkeypatch, capsys):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("mathb_kit.silence.time", SimpleNamespace(monotonic=lambda: clock.now))
    silence, lines = Silence("server"), []
    clock.now = 100.0  # nobody waited till now
    with silence:
        for second in range(100, 200):
            clock.now = float(second)
            if second == 150:
                silence.broken()
            silence.tell("no answer yet")
            if capsys.readouterr().err:
                lines.append(second)
    assert lines == [110, 120, 140, 160, 170, 190]
    with silence:
        silence.tell("HTTP 429; the next try is in 9 s", ahead=9.0)
        assert capsys.readouterr().err == ""
        silence.tell("HTTP 429; the next try is in 590 s", ahead=590.0)
        assert "server: HTTP 429; the next try is in 590 s; 1 request waits" in capsys.readouterr().err
        clock.now += 589.0
        silence.tell("no answer yet")
        assert capsys.readouterr().err == ""


def test_an_answer_that_is_asked_for_within_a_time_gets_no_more_of_it():
    with CompletionsServer(lambda body, before: "slow 9") as server:
        with pytest.raises(GaveUp, match="no reply within .* s, after 1 tries and more than 0.2 s"):
            endpoint(server, seconds=60).post("completions", BODY, within=0.2)
        assert len(server.requests) <= 1


def test_pauses_double_to_a_minute_with_jitter():
    class Recorder:
        def __init__(self):
            self.waits = []

        def wait(self, seconds):
            self.waits.append(seconds)
            return False

    with CompletionsServer(lambda body, before: "status 500") as server:
        client = endpoint(server, tries=10, pause=1.0, seconds=100)  # 300 s for all tries: more than the pauses
        client._thread.over = clock = Recorder()
        with pytest.raises(GaveUp):
            client.post("completions", BODY)
    full = [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(wish / 2 <= wait <= wish for wait, wish in zip(clock.waits, full, strict=True))
    assert len({round(wait / wish, 6) for wait, wish in zip(clock.waits[1:], full[1:])}) > 1


def test_no_more_requests_at_once_than_allowed_and_items_are_drawn_as_needed():
    drawn = []

    def items():
        for seed in range(30):
            drawn.append(seed)
            yield seed

    with CompletionsServer(lambda body, before: "slow 0.02") as server:
        client = endpoint(server, concurrency=3)
        got = {}
        results = client.map(lambda s: client.post("completions", {"n": 1, "seed": s}), items())
        for done, (seed, reply) in enumerate(results, 1):
            assert len(drawn) <= done - 1 + 2 * 3
            got[seed] = reply["choices"][0]["text"]
        assert server.most_open == 3
    assert got == {seed: f"seed {seed}" for seed in range(30)}


def test_a_caller_that_stops_early_sends_nothing_more():
    with CompletionsServer(lambda body, before: "good" if body["seed"] == 0 else "status 500") as server:
        client = endpoint(server, concurrency=4, pause=0.2)
        results = client.map(lambda s: client.post("completions", {"n": 1, "seed": s}), range(100))
        assert next(results)[0] == 0
        while len(server.requests) < 4:
            time.sleep(0.001)
        results.close()
        before = len(server.requests)
        time.sleep(0.5)  # more than the longest first pause
        assert len(server.requests) <= before + 1  # one may have been on its way out


def test_an_error_in_the_work_reaches_the_caller():
    with CompletionsServer() as server:
        client = endpoint(server)
        with pytest.raises(ZeroDivisionError):
            list(client.map(lambda item: 1 // item, [2, 1, 0]))


def test_the_cache_answers_equal_requests_only_and_mends_itself(tmp_path):
    with CompletionsServer() as server:
        client = endpoint(server, cache=tmp_path)
        bodies = [{"n": 2, "seed": 5}, {"n": 2, "seed": 6}, {"n": 1, "seed": 5}, {"seed": 5, "n": 2}]
        replies = [client.post("completions", body) for body in bodies]
        assert replies[3] == replies[0] != replies[1]
        assert server.bodies() == bodies[:3] and client.traffic.cached == 1
        assert client.is_cached("completions", bodies[1]) and not client.is_cached("chat/completions", bodies[1])
        for file in tmp_path.rglob("*.gz"):
            file.write_bytes(file.read_bytes()[:20])
        assert endpoint(server, cache=tmp_path).post("completions", bodies[0]) == replies[0]
        assert len(server.requests) == 4
        client.post("completions", bodies[0], keep=False)
        assert len(server.requests) == 5


def test_a_reply_that_was_refused_is_not_kept(tmp_path):
    def refuse(reply):
        raise BadReply("no")

    with CompletionsServer() as server:
        with pytest.raises(GaveUp, match="no, after 2 tries"):
            endpoint(server, cache=tmp_path).post("completions", BODY, refuse, tries=2)
    assert not list(tmp_path.rglob("*.gz"))


def test_addresses():
    assert Endpoint("http://localhost:8000").url == "http://localhost:8000/v1"
    assert Endpoint("https://example.org/api/v2/").url == "https://example.org/api/v2"
    for bad in ("localhost:8000", "file:///etc/passwd", "http://", "http://user:secret@example.org/v1",
                "https://example.org/v1?api_key=secret", "https://example.org/v1/?key=secret#x",
                "http://[::1", "http://host:99999/v1", "http://host:0", "http://host:port",
                "http://\ud800/v1"):  # fmt: skip
        with pytest.raises(MathbError, match="needs an address like .* a key goes into MATHB_API_KEY") as error:
            Endpoint(bad)
        assert "secret" not in str(error.value)


def test_a_server_that_is_not_there():
    with CompletionsServer() as server:
        url = server.url
    with pytest.raises(GaveUp, match="refused.*after 2 tries"):
        Endpoint(url, tries=2, pause=0.001).get("models")
