"""Earlier revisions of a slice are kept and read, whatever columns their cube has gained since."""

from datetime import date

import duckdb

from warehouse.publishing.releases import release, rows_in, slices_in
from warehouse.publishing.revisions import earlier, keep

DAY, NEXT = date(2026, 5, 10), date(2026, 5, 11)
CUBE = "cube_campaign_daily"


def test_revisions_from_before_and_after_a_cube_gained_a_column_lie_together(ledger):
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as warehouse")
        connection.execute("create schema warehouse.cubes")
        table = f"warehouse.cubes.{CUBE}"
        connection.execute(f"create table {table} as select date '{DAY}' as send_date, 20 as read_messages")
        release(ledger, slices_in(connection, rows_in(connection)), why="closed")
        keep(ledger, connection, [(CUBE, DAY)])

        connection.execute(f"alter table {table} add column clicked_messages integer")
        seen_before = connection.execute(
            f"select send_date, clicked_messages from {earlier(CUBE)}"
        ).fetchall()
        connection.execute(f"insert into {table} values (date '{NEXT}', 30, 3)")
        release(ledger, slices_in(connection, [(CUBE, NEXT)]), why="closed")
        keep(ledger, connection, [(CUBE, NEXT)])

        kept = connection.execute(f"select send_date, clicked_messages from {earlier(CUBE)} order by all")
        assert seen_before == [(DAY, None)]
        assert kept.fetchall() == [(DAY, None), (NEXT, 3)]
