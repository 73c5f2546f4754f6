"""Read the numbers that protect people in published tables, as `policy.yml` declares them.

Apart from `pipelines.policy`, so that a question to the published copy loads nothing of the pipeline.
"""

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, Field

from pipelines.declarations import strict_yaml
from pipelines.declarations.errors import PolicyError
from pipelines.declarations.strict_yaml import Strict


class Disclosure(Strict):
    """The section `disclosure` of the policy.

    Attributes:
        minimum_contacts: The threshold k: a published cell counts at least so many people.
        rounding_base: Every published count is a multiple of it, or of a multiple where people count several
            times.
        bounding_rank: In a published sum nobody adds more than this most active person does.
        minimum_workspaces: A figure of fewer workspaces is one of few, not one of all.
    """

    minimum_contacts: int = Field(gt=1)
    rounding_base: int = Field(ge=5)
    bounding_rank: int = Field(ge=1)
    minimum_workspaces: int = Field(gt=1)


class _Document(BaseModel):
    disclosure: Disclosure


@cache
def load_disclosure() -> Disclosure:
    """Read the section from the policy that ships with the package.

    Raises:
        PolicyError: It is not complete and strict.
    """
    text = (files("pipelines") / "policy.yml").read_bytes()
    return strict_yaml.parse(text, _Document, failure=PolicyError).disclosure
