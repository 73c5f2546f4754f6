"""Declare what reports ask, all in one place: metrics by name, and the tables that are read as they are."""

from dataclasses import dataclass

# Read by name as they stand; a report also holds where one is missing or empty.
BENCHMARKS, LATE, COVERAGE = "mart_benchmarks_monthly", "mart_late_monthly", "cubes.cube_coverage_monthly"
WORKSPACES, DAYS = "dim_published_workspaces", "cubes.cube_campaign_daily"

RATES = ("delivery_rate", "read_rate", "click_rate", "reply_72h_rate", "opt_out_rate", "failure_rate")
FUNNEL = (
    "attempted_messages",
    "accepted_messages",
    "delivered_messages",
    "read_messages",
    "clicked_messages",
    "replied_72h_messages",
    "opted_out_messages",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a report.

    Attributes:
        metrics: Numbers by name (`wasms metrics list`).
        by: What they are split by.
        is_monthly: Whether they are known of whole months only.
    """

    metrics: tuple[str, ...]
    by: tuple[str, ...] = ()
    is_monthly: bool = False


HEADLINE = Asked((*FUNNEL, "acceptance_rate", *RATES))
REACH = Asked(("reached_contacts",), ("month",), is_monthly=True)
BY_DAY = Asked(("delivered_messages",), ("day",))
BY_CAMPAIGN = Asked(
    ("attempted_messages", "delivery_rate", "read_rate", "click_rate", "reply_72h_rate", "opt_out_rate"),
    ("campaign",),
)
BY_WORKSPACE = Asked(BY_CAMPAIGN.metrics)
BY_HOUR = Asked(("read_rate", "reply_72h_rate", "attempted_messages"), ("send_hour",), is_monthly=True)
BY_COUNTRY = Asked(
    ("attempted_messages", "delivery_rate", "read_rate", "click_rate"), ("contact_country",), is_monthly=True
)
BY_ERROR_CLASS = Asked(("failed_messages",), ("error_class",))
BY_FAILURE_CODE = Asked(("failed_messages",), ("failure_code",), is_monthly=True)
BY_CURRENCY = Asked(
    ("cost_amount", "cost_per_delivered_message", "cost_per_reply"), ("cost_currency",), is_monthly=True
)
BY_REVENUE = Asked(
    ("revenue_amount", "conversions", "revenue_per_conversion"), ("revenue_currency",), is_monthly=True
)
GROWTH = Asked(
    ("new_contacts", "opted_out_contacts", "opted_in_contacts", "net_growth"), ("month",), is_monthly=True
)
OF_THE_PERIOD_BEFORE = (HEADLINE, REACH, BY_DAY)
OF_A_PERIOD = (
    *OF_THE_PERIOD_BEFORE,
    *(BY_CAMPAIGN, BY_HOUR, BY_COUNTRY, BY_ERROR_CLASS, BY_FAILURE_CODE, BY_CURRENCY, BY_REVENUE, GROWTH),
)
