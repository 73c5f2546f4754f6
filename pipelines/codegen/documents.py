"""Generate the documents that people read of contracts and policy, each a function of its inputs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from anonymizers.treatments import Treatment
from pipelines.codegen.stored_columns import stored_columns
from pipelines.declarations.column import Column
from pipelines.declarations.contract import Contract, PolicyCategory, UnknownColumns, WorkspaceFrom
from pipelines.declarations.policy import CategoryRule, Policy, PolicyVersion
from warehouse.retention.rules import Clock

DO_NOT_EDIT = "Generated from pipelines/contracts and pipelines/policy.yml by `make sync`; do not edit."

_CLOCKS = {
    Clock.EVENT: "after the event",
    Clock.SUBSCRIPTION_END: "after the end of the subscription",
    Clock.DELETION_OR_TERMINATION: "after its deletion or the end of the account",
}
_UNDECLARED = {
    UnknownColumns.STOP: "the file is refused",
    UnknownColumns.DROP_AND_WARN: "dropped, with a warning",
}


# Data dictionary --------------------------------------------------------------------------------


def data_dictionary(contracts: Mapping[str, Contract], policy: Policy) -> str:
    """Return the data dictionary: every column as it lands, its treatment, and as it is stored (Markdown)."""
    rules = policy.versions[-1].categories
    by_provider = groupby(contracts.values(), key=lambda contract: contract.provider)
    return page(
        "Data dictionary",
        DO_NOT_EDIT,
        f"{len(contracts)} data sets. Each table shows the columns of a file and what is stored of them. "
        "Nothing else of a record is read. Categories are keys of "
        "[fideslang](https://ethyca.github.io/fideslang/). Terms are in the [glossary](glossary.md).",
        *(
            part
            for provider, members in by_provider
            for part in (f"## {provider}", *(_data_set(contract, rules) for contract in members))
        ),
    )


def _data_set(contract: Contract, rules: Mapping[PolicyCategory, CategoryRule]) -> str:
    stored = stored_columns(contract)
    rows = [
        (
            f"`{raw}`",
            column.type.value,
            column.handling,
            ", ".join(f"`{s.name}` {s.type}" for s in stored if s.raw == raw) or "-",
            column.category,
            column.description,
        )
        for raw, column in contract.columns.items()
    ]
    rows += [("-", "-", "-", f"`{s.name}` {s.type}", s.category, s.description) for s in stored if not s.raw]
    return "\n\n".join(
        (
            f"### {contract.source}",
            contract.description,
            _list(_facts(contract, rules[contract.policy])),
            table(("column", "type", "treatment", "stored as", "category", "meaning"), rows),
        )
    )


def _facts(contract: Contract, rule: CategoryRule) -> Iterator[str]:
    yield f"Inbox: `{contract.landing}`; reader: {contract.reader}; owner: {contract.owner}"
    yield f"{contract.kind.value.capitalize()}, one row per {', '.join(contract.primary_key)}" + (
        f"; time: `{contract.event_time}`" if contract.event_time else ""
    )
    yield f"Workspace: {_workspace(contract)}"
    yield f"Personal data of: {contract.subject}; policy category `{contract.policy}`: {window(rule)}"
    if contract.consent:
        yield f"Rows without consent (`{contract.consent}`) are dropped and counted"
    yield f"Undeclared columns: {_UNDECLARED[contract.unknown]}" + (
        f"; known and not read: {len(contract.ignored)}" if contract.ignored else ""
    )


def _workspace(contract: Contract) -> str:
    named = " or ".join(f"`{name}`" for name in contract.workspace.columns)
    match contract.workspace.from_:
        case WorkspaceFrom.COLUMN:
            return named
        case WorkspaceFrom.CHANNEL:
            return "that of the channel" + (f" in {named}" if named else " in the envelope")
        case WorkspaceFrom.PLATFORM:
            return "none, rows are the platform's own"


# Kinds of record --------------------------------------------------------------------------------


def kinds_of_record(contracts: Mapping[str, Contract]) -> str:
    """Return every kind of record by provider: where it lands, or why it is not needed (Markdown)."""
    rows = [row for contract in contracts.values() for row in _kinds(contract)]
    return page(
        "Kinds of record",
        DO_NOT_EDIT,
        "What the warehouse loads from each provider. A kind that is not needed is dropped and counted as "
        "`not_needed:<kind>`. Any other is quarantined, under a reason that says what is missing or unknown.",
        table(("provider", "kind of record", "data set", "what it is, or why it is not needed"), rows),
    )


def _kinds(contract: Contract) -> Iterator[tuple[str, str, str, str]]:
    record = f"`{contract.feed}/`: " + (f"`{contract.records}`" if contract.records else "each record")
    fields = [f"field {', '.join(contract.kinds.read)}"] if contract.kinds else []
    fields += [f"with {contract.where}"] if contract.where else []
    fields += [f"without {contract.unless}"] if contract.unless else []
    listed = {
        column.path or name: column.values for name, column in contract.columns.items() if column.required
    }
    fields += [f"{path} {', '.join(values)}" for path, values in listed.items() if values]
    yield contract.provider, "; ".join([record, *fields]), contract.source, contract.description
    for name, column in contract.columns.items():
        for value, why in column.not_needed.items():
            yield contract.provider, f"{record}; {column.path or name} {value}", "-", why
    for kind, why in contract.kinds.not_needed.items() if contract.kinds else ():
        what = "list" if kind.endswith("[]") else "field"
        yield contract.provider, f"`{contract.feed}/`: {what} {kind}", "-", why


# Record of processing ---------------------------------------------------------------------------


def record_of_processing(contracts: Mapping[str, Contract], policy: Policy) -> str:
    """Return the record of processing activities of GDPR article 30 (Markdown)."""
    version = policy.versions[-1]
    classes = ", ".join(map(str, policy.retention_classes_days))
    used = [category for category in PolicyCategory if category is not PolicyCategory.ANONYMOUS]
    by_category = {c: [k for k in contracts.values() if k.policy is c] for c in used}
    return page(
        "Record of processing activities",
        DO_NOT_EDIT,
        "GDPR article 30, for the analytics warehouse only. WaSMS is controller for its own customers' "
        "accounts and the use of its service, and processor for what its customers send to their contacts. "
        "Add the names and contact details of the controller, its representative and its data protection "
        "officer, which the privacy team keeps.",
        "## Windows",
        *(_version(v) for v in policy.versions),
        _unconfirmed(version),
        "## Activities",
        *(_activity(c, version.categories[c], sources) for c, sources in by_category.items() if sources),
        "## For all activities",
        _list(
            (
                "Recipients: none. Only anonymous tables leave the restricted zone.",
                "Transfers to third countries: none by this warehouse; it runs where it is installed.",
                f"Before processing: raw records wait in the inbox, {policy.inbox_ttl_days} days at most.",
                "Pseudonymization: in memory, before anything is stored; HMAC-SHA-256, a key per workspace.",
                "Encryption at rest: AES-256, one key per data category, event month and retention class.",
                f"Anonymous tables: no row counts fewer than {policy.disclosure.minimum_contacts} people.",
                f"Erasure: whole partitions of files are unlinked (classes of {classes} days).",
            )
        ),
    )


def _version(version: PolicyVersion) -> str:
    rows = [
        (
            category.value,
            rule.role.value,
            window(rule),
            "yes" if rule.per_workspace else "no",
            "yes" if rule.outlives_account else "no",
            rule.legal_basis,
            rule.at_end.value,
        )
        for category, rule in version.categories.items()
    ]
    header = (
        "category",
        "role",
        "window",
        "set per workspace",
        "outlives the account",
        "legal basis",
        "at its end",
    )
    title = f"In force from {version.effective_from.isoformat()}. {version.reason}"
    return f"{title}\n\n{table(header, rows)}"


def _unconfirmed(version: PolicyVersion) -> str:
    open_ = [c.value for c, rule in version.categories.items() if rule.legal_basis == "unconfirmed"]
    if not open_:
        return "Every legal basis is confirmed."
    return f"**Not confirmed yet by the privacy officer:** the legal basis of {', '.join(open_)}."


def _activity(category: PolicyCategory, rule: CategoryRule, contracts: Sequence[Contract]) -> str:
    columns = [column for contract in contracts for column in contract.columns.values()]
    keys = sorted({column.category for column in columns if column.category.startswith("user.")})
    rows = [
        (
            f"`{key}`",
            next((c.name or key for c in DEFAULT_TAXONOMY.data_category or [] if c.fides_key == key), key),
            _treatments(c for c in columns if c.category == key),
        )
        for key in keys
    ]
    return "\n\n".join(
        (
            f"### {category}",
            _list(
                (
                    f"Purpose: {rule.purpose}",
                    f"Role: {rule.role}",
                    f"Legal basis: {rule.legal_basis}",
                    f"Recipients, of the service: {', '.join(rule.recipients) or 'none'}",
                    f"Kept: {window(rule)}; then: {rule.at_end}",
                    f"Data subjects: {', '.join(sorted({c.subject.value for c in contracts}))}",
                    f"Data sets: {', '.join(c.source for c in contracts)}",
                )
            ),
            table(("category of personal data", "name", "treatment before storage (columns)"), rows),
        )
    )


def _treatments(columns: Iterable[Column]) -> str:
    used = [column.treatment for column in columns]
    return ", ".join(f"{t.value} ({used.count(t)})" for t in Treatment if t in used)


def window(rule: CategoryRule) -> str:
    """Return a rule's window in words, e.g. `90 days after the event`."""
    if rule.window_days is None:
        return "no limit"
    return f"{rule.window_days} days {_CLOCKS[rule.clock]}"


# Markdown ---------------------------------------------------------------------------------------


def page(title: str, do_not_edit: str, *parts: str) -> str:
    """Return a page of Markdown that says from what it is generated."""
    return "\n\n".join((f"# {title}", f"<!-- {do_not_edit} -->", *parts)) + "\n"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"* {item}" for item in items)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
