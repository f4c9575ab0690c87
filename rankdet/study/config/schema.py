"""A study's config as a JSON schema for editors (`python -m rankdet.study.config.schema`)."""

import json
from typing import Any

from rankdet.files import shown
from rankdet.repository import CONFIG
from rankdet.study.config.model import StudyConfig

PATH = CONFIG / "schema.json"


def schema_text() -> str:
    """Returns the up-to-date text of `config/schema.json`."""
    schema: dict[str, Any] = StudyConfig.model_json_schema()
    schema["title"] = "RankDet Bench study"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def keys(schema: dict[str, Any]) -> set[str]:
    """Returns every key that a study may have, at any depth."""
    models = [schema, *schema.get("$defs", {}).values()]
    return {key for model in models for key in model.get("properties", {})}


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
    print(f"wrote {shown(PATH)}")
