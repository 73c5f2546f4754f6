"""Generate a world: believable raw sources in their real formats, deterministic by seed."""

from pipelines.synthetic.spec import WorldSpec, WorldSummary
from pipelines.synthetic.world import generate

__all__ = ["WorldSpec", "WorldSummary", "generate"]
