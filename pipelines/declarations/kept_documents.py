"""Keep what the project's own YAML files say in the user's cache, as JSON: YAML takes far longer to read."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import platformdirs

from pipelines.declarations import strict_yaml
from pipelines.declarations.strict_yaml import Failure
from warehouse.files import replace_text


def kept_documents(
    texts: Mapping[str, bytes], *, kept_as: str, failure: Callable[[str], Failure]
) -> Mapping[str, object]:
    """Return what files say, by name; from the cache if this user kept it there of the same texts.

    Nothing is kept of documents that JSON would change, e.g. with dates; or where nothing can be written.

    Args:
        kept_as: Name of the file in the cache, without its suffix.
        failure: Name of a file → what makes an error of what is wrong with it.
    """
    path = platformdirs.user_cache_path("wasms") / f"{kept_as}.json"
    digest = hashlib.sha256(version("ruamel.yaml").encode())
    for name, text in texts.items():
        digest.update(f"\n{name} {len(text)}\n".encode() + text)
    made_of = digest.hexdigest()
    with suppress(OSError, ValueError, LookupError, TypeError):
        if path.stat().st_uid == os.getuid():
            kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if kept["made_of"] == made_of:
                return dict(kept["documents"])
    documents = {name: strict_yaml.load(text, failure=failure(name)) for name, text in texts.items()}
    with suppress(OSError, TypeError):
        content = json.dumps({"made_of": made_of, "documents": documents})
        if json.loads(content)["documents"] == documents:
            replace_text(path, content)
    return documents
