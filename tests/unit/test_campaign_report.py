"""The picture in the README: what it shows of published rows, and what it cannot show."""

import runpy
from xml.etree import ElementTree as ET

from pipelines.codegen.sync import project_root

report = runpy.run_path(str(project_root() / "docs/images/campaign_report.py"))["report"]


def campaign(name: str, attempted: int, **more: object) -> dict[str, object]:
    measures = ("delivered", "read", "clicked", "replied_72h", "opted_out")
    return {
        "campaign_key": name,
        "campaign_name": name,
        "channel": "whatsapp",
        "first_send_date": "2026-05-13",
        "last_send_date": "2026-05-14",
        "attempted_messages": attempted,
        **{f"{measure}_messages": 20 for measure in measures},
        "click_rate": 0.1,
        **more,
    }


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")]


def test_the_largest_campaign_is_shown_in_steps_and_compared_with_the_next():
    shown = texts(report([campaign("small", 100), campaign("large & loud", 200)]))

    assert shown[:2] == ["large & loud", "WhatsApp, 13 May 2026 to 14 May 2026"]
    assert shown[2:6] == ["messages", "200 (100%)", "delivered", "20 (10%)"]
    assert "small" in shown


def test_a_rate_of_nothing_is_not_shown():
    shown = texts(report([campaign("a", 100, opted_out_messages=0, click_rate=None)]))

    assert shown[shown.index("opted out") + 1] == "0 (0%)"
    assert "none" in shown


def test_small_campaigns_together_are_no_campaign():
    shown = texts(report([campaign("other", 900), campaign("a", 100)]))

    assert shown[0] == "a"
