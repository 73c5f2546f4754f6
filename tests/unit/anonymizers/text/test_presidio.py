import socket
import subprocess
import sys
import textwrap

import pytest

from anonymizers.text.presidio import LONGEST_BYTES, DetectorTimeoutError, PresidioScrubber, _LoudPattern
from anonymizers.text.scrubber import REDACTED


@pytest.fixture(scope="module")
def presidio():
    return PresidioScrubber()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Spring sale 20% off", "Spring sale 20% off"),
        ("Hello John Smith, welcome", "Hello <PERSON>, welcome"),
        ("John Smith: mail john@example.org or call +49 151 00000001", None),
        ("see http://shop.example.com/x?y=1", "see <URL>"),
        ("<NUMBER> days left", "<NUMBER> days left"),
        ("", ""),
        ("42", "42"),
    ],
)
def test_a_text_keeps_its_words_and_loses_its_people(presidio, text, expected):
    (safe,) = presidio.scrub([text])

    assert safe == expected or (expected is None and "John" not in safe and "example" not in safe)


def test_answers_keep_their_places_across_batches(presidio):
    texts = [f"offer {chr(97 + n % 26)}" if n % 2 else "" for n in range(600)]

    safe = presidio.scrub(texts)

    assert [not text for text in safe] == [not text for text in texts]


def test_a_text_over_the_limit_is_redacted_not_skipped(presidio):
    too_long = "word " * (LONGEST_BYTES // 5) + "x"
    longer_when_normalised = "\ufdfa" * 700

    assert presidio.scrub(["short", too_long, longer_when_normalised]) == ["short", REDACTED, REDACTED]


def test_a_detector_that_breaks_on_one_text_redacts_that_text_alone(presidio, monkeypatch):
    analyzer = presidio._analyzer.analyzer_engine
    analyze = analyzer.analyze

    def breaking(text, **kwargs):
        if "breaks" in text:
            raise ValueError("canary")
        return analyze(text=text, **kwargs)

    monkeypatch.setattr(analyzer, "analyze", breaking)

    assert presidio.scrub(["fine", "this breaks", "fine too"]) == ["fine", REDACTED, "fine too"]


def test_a_pattern_that_outlasts_its_time_redacts_the_text(presidio, monkeypatch):
    class Slow:
        def finditer(self, text, *, timeout):
            if "slow" in text:
                raise TimeoutError
            return iter(())

    recognizer = next(
        r for r in presidio._analyzer.analyzer_engine.registry.recognizers if r.name == "UrlRecognizer"
    )
    monkeypatch.setattr(recognizer.patterns[0], "compiled_regex", _LoudPattern(Slow()))

    assert presidio.scrub(["fine", "slow text"]) == ["fine", REDACTED]


def test_every_pattern_reports_its_time_out(presidio):
    patterns = [
        pattern
        for recognizer in presidio._analyzer.analyzer_engine.registry.recognizers
        for pattern in getattr(recognizer, "patterns", [])
    ]

    assert len(patterns) > 20
    assert all(isinstance(pattern.compiled_regex, _LoudPattern) for pattern in patterns)


def test_a_time_out_is_not_one_that_presidio_would_swallow():
    assert not issubclass(DetectorTimeoutError, TimeoutError)


def test_no_detector_reaches_for_the_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)

    fresh = PresidioScrubber()

    assert fresh.scrub(["mail john@example.org", "see shop.example.com"]) == [
        "mail <EMAIL_ADDRESS>",
        "see <URL>",
    ]
    # The rules mask addresses first; Presidio's own recognizer would ask for the public suffix list.
    assert fresh._analyzer.analyzer_engine.analyze(text="john@example.org", language="en")


def test_the_engine_imports_without_the_language_libraries():
    program = """
        import sys
        import anonymizers.engine, anonymizers.text.presidio
        heavy = {"spacy", "presidio_analyzer", "tldextract", "thinc"} & set(sys.modules)
        sys.exit(", ".join(heavy) or 0)
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
