"""Answer the same metrics exactly from the restricted facts, within their window."""

from collections.abc import Sequence

from pipelines.declarations.cube import Measure
from pipelines.declarations.metric import LATENCY_BIN, Metric, Table
from pipelines.metrics.published import Query
from pipelines.metrics.question import PERIODS, Question, answering, choose
from warehouse.store.connection import identifier

# A message with everything that measures and dimensions of the cubes name.
_MESSAGES = """
    select
        messages.* replace (
            coalesce(campaigns.channel, messages.channel, 'unknown') as channel,
            coalesce(campaigns.message_category, messages.message_category, 'unknown') as message_category,
            coalesce(messages.contact_country, 'unknown') as contact_country,
            coalesce(campaigns.template_id, messages.template_id) as template_id
        ),
        coalesce(campaigns.variant, 'none') as variant,
        messages.send_date as fact_date,
        messages.contact_token as unit_token,
        contacts.language as contact_language,
        year(contacts.created_at) || '-Q' || quarter(contacts.created_at) as first_contact_quarter,
        lower(strftime(coalesce(
            try((messages.queued_at at time zone 'UTC') at time zone workspaces.time_zone), messages.queued_at
        ), '%a-%H')) as send_hour
    from fct_messages as messages
    left join dim_campaigns as campaigns using (workspace_id, campaign_id)
    left join dim_workspaces as workspaces using (workspace_id)
    left join (
        select workspace_id, contact_token, min(language) as language, min(created_at) as created_at
        from dim_contacts where contact_token is not null group by all
    ) as contacts on
        messages.workspace_id = contacts.workspace_id and messages.contact_token = contacts.contact_token"""

# Whose click was the last before a conversion.
_CONVERTED = """
    select *, (workspace_id, message_token) in (select (workspace_id, message_token) from fct_conversions)
        as is_converted
    from ({0})"""

_CONVERSIONS = """
    select
        conversions.* replace (
            coalesce(campaigns.channel, conversions.channel, 'unknown') as channel,
            coalesce(campaigns.message_category, conversions.message_category, 'unknown') as message_category,
            coalesce(campaigns.template_id, conversions.template_id) as template_id
        ),
        coalesce(campaigns.variant, 'none') as variant,
        conversions.send_date as fact_date,
        conversions.contact_token as unit_token
    from fct_conversions as conversions
    left join dim_campaigns as campaigns using (workspace_id, campaign_id)"""

_INBOUND = """
    select *, received_date as fact_date, contact_token as unit_token,
        coalesce(occurred_at - lag(occurred_at) over (
            partition by workspace_id, contact_token order by occurred_at, event_id
        ) >= interval '24' hour, true) as is_first_in_24h
    from fct_inbound_messages"""

_CONVERSATIONS = """
    select *, conversation_date as fact_date, contact_token as unit_token from fct_conversations"""

_OPT_OUTS = "select *, opt_out_date as fact_date, contact_token as unit_token from fct_opt_outs"
_USAGE = "select *, usage_date as fact_date, member_token as unit_token from fct_usage_events"

# What a cube counts → the same in the restricted zone. What has no fact there cannot be asked.
FACTS = {
    "slice_messages": _MESSAGES,
    "slice_conversions": _CONVERSIONS,
    "slice_month_messages": _MESSAGES,
    "slice_month_conversions": _CONVERSIONS,
    "slice_month_inbound": _INBOUND,
    "slice_month_first_responses": _CONVERSATIONS,
    "slice_month_opt_outs": _OPT_OUTS,
    "slice_month_usage": _USAGE,
}
_KEYS = {"workspace": "workspace_id", "template": "template_id", "campaign": "campaign_id"}


def restricted_query(metric: Metric, question: Question, tables: Sequence[Table]) -> Query:
    """Return the query that answers exactly; run it with the schema `restricted` as the current one.

    Any days can be asked, and people of several days are counted once.

    Raises:
        MetricError: No facts in the restricted zone can answer.
    """
    known = [t for t in tables if t.cube.facts in FACTS]
    # Facts have times and no bins: tables of bins answer only what no other does, and not by bin.
    without_bins = [t for t in known if t.dimension != LATENCY_BIN]
    if not metric.quantile and (LATENCY_BIN in question.columns or answering(metric, without_bins)):
        known = without_bins
    table = choose(metric, question, known, by_whole_months=False)
    columns = {name: _KEYS.get(name, f"({_expression(table, name)})") for name in table.columns}
    selected: list[str] = []
    parameters: list[object] = []
    for name in question.by:
        period = f"cast(date_trunc('{name}', fact_date) as date)" if name in PERIODS else ""
        selected.append(f"{period or columns[name]} as {identifier(name)}")
    conditions = []
    for name, value in question.where.items():
        conditions.append(f"{columns[name]} = ?")
        parameters.append(value)
    for comparison, day in ((">=", question.first), ("<=", question.last)):
        if day is not None:
            conditions.append(f"fact_date {comparison} ?")
            parameters.append(day)
    if table.dimension in question.by:
        conditions.append(f"{columns[table.dimension]} is not null")
    selected.append(f"{_answer(metric, table)} as {identifier(metric.metric)}")
    where = "\nwhere\n    " + "\n    and ".join(conditions) if conditions else ""
    group = f"\ngroup by all\norder by {', '.join(map(identifier, question.by))}" if question.by else ""
    facts = FACTS[table.cube.facts]
    if any("is_converted" in each for each in selected):
        facts = _CONVERTED.format(facts)
    sql = (
        f"with facts as not materialized ({facts}\n)\nselect\n    "
        + ",\n    ".join(selected)
        + f"\nfrom facts{where}{group}"
    )
    return Query(sql, tuple(parameters), f"restricted facts of {table.cube.cube}, exact", is_rounded=False)


def _expression(table: Table, name: str) -> str:
    dimension = table.cube.dimension
    if dimension is None or name != table.dimension:
        return name
    return f"coalesce({dimension.sql}, 'unknown')" if "unknown" in dimension.values else dimension.sql


def _answer(metric: Metric, table: Table) -> str:
    if metric.quantile is not None:
        return (
            f"quantile_cont(epoch({metric.until}) - epoch({metric.since}), {metric.quantile}) "
            f"filter (where {table.measures[metric.over].contribution} = 1 and {metric.until} is not null)"
        )
    over = _exact(table.measures[metric.over])
    if metric.per != 1:
        over = f"({over} / {metric.per}.0)"
    if metric.less is not None:
        return f"{over} - {_exact(table.measures[metric.less])}"
    if metric.under is None:
        return over
    return f"cast({over} as double) / nullif({_exact(table.measures[metric.under])}, 0)"


def _exact(measure: Measure) -> str:
    if measure.sum is not None:
        return f"coalesce(sum({measure.sum}), 0)"
    if measure.units is not None:
        return f"count(distinct case when {measure.condition} then unit_token end)"
    return f"count(*) filter (where {measure.condition})"
