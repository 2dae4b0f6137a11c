"""Usernames for a whole roster at once: unique in the network, never one that was another's.

Namesakes are numbered in the order of their sourced ids, so the order of the file makes no
difference, and a run that is done again gives the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, sql

from api.accounts.burning import digest_sql, pads
from api.accounts.username_rules import LONGEST, Namer

# Two runs that name a network's students wait for each other, until they commit.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('firstbell.usernames ' || %(network)s, 0))"
_ANY_BURNT = "SELECT EXISTS (SELECT FROM burnt_usernames WHERE network_id = %(network)s)"
_DROP = "DROP TABLE IF EXISTS pg_temp.made_usernames, pg_temp.rendered_usernames"
_ANALYZE = "ANALYZE made_usernames"
_MAKE_RENDERED = """
CREATE TEMP TABLE rendered_usernames (number int NOT NULL, username_base text COLLATE "C" NOT NULL)
ON COMMIT DROP
"""
_COPY_RENDERED = "COPY rendered_usernames FROM STDIN"
# A source's first roster may come after a single account of a batch, and be a million.
_AT_ONCE = 10_000
_TO_RENDER = """
SELECT s.number, s.sourced_id, s.given_name, s.family_name, s.grade FROM {fresh} s
WHERE s.username IS NULL AND NOT s.faulty AND NOT s.deleted
"""
_STAGED_BASES = """
SELECT s.number, s.sourced_id, s.school_id, s.given_name, s.family_name, s.grade, s.email,
  s.username_base
FROM {fresh} s WHERE s.username IS NULL AND NOT s.faulty AND NOT s.deleted
"""
_RENDERED_BASES = """
SELECT s.number, s.sourced_id, s.school_id, s.given_name, s.family_name, s.grade, s.email,
  r.username_base
FROM rendered_usernames r JOIN {fresh} s ON s.number = r.number
"""
# Sorted once, with all that an account is made of: to find it for each name again, and sort that,
# would take a million as long as all the rest of this.
_FIRST = """
CREATE TEMP TABLE made_usernames ON COMMIT DROP AS
SELECT number, sourced_id, school_id, given_name, family_name, grade, email, username_base AS base,
  place, CASE WHEN place = 1 THEN username_base ELSE {numbered} END AS username
FROM (SELECT *, row_number() OVER (PARTITION BY username_base ORDER BY sourced_id) AS place
  FROM ({bases}) AS bases) AS placed
"""
# Each of these selects the numbers of rows that cannot have what they were given first.
_OF_ACCOUNTS = """
SELECT m.number FROM made_usernames m JOIN accounts a ON lower(a.username) = m.username
WHERE a.network_id = %(network)s
"""
_OF_THE_FILE = """
SELECT m.number FROM made_usernames m JOIN {staged} s ON lower(s.username) = m.username
WHERE s.username IS NOT NULL AND NOT s.faulty
"""
# Two bases may lead to one name: `ng1` by itself, and the first of several `ng`. A number tells
# where it begins, so two numbered names are only alike where one of them was cut.
_TWICE = """
SELECT number FROM (SELECT number, row_number() OVER (PARTITION BY username ORDER BY place, base)
    AS claim FROM made_usernames WHERE username IN (
      SELECT f.username FROM made_usernames f JOIN made_usernames n USING (username)
      WHERE f.place = 1 AND n.place > 1
      UNION ALL SELECT username FROM made_usernames WHERE place > 1
        AND username <> base || {between} || place)) AS claims
WHERE claim > 1
"""
# Not even whose it was: a name is made once. Who is to have theirs back is told by name.
_BURNT = """
SELECT m.number FROM made_usernames m
JOIN burnt_usernames b ON b.network_id = %(network)s AND b.digest = {digest}
"""
_TAKE_BACK = """
UPDATE made_usernames SET username = NULL FROM ({refused}) AS refused
WHERE made_usernames.number = refused.number
"""
_WAITING = "SELECT count(*) FROM made_usernames WHERE username IS NULL"
# The lowest free numbers of each base go to its waiting rows, in their order. Joined by one text:
# by base and turn, the planner merges by the base alone and compares all who are called alike.
_NEXT = """
WITH waiting AS (
  SELECT number, base, place,
    base || ' ' || row_number() OVER (PARTITION BY base ORDER BY place) AS turn
  FROM made_usernames WHERE username IS NULL
), candidates AS (
  SELECT base, place, {numbered} AS name
  FROM (SELECT base, count(*) + max(place) AS many FROM waiting GROUP BY base) AS bases,
    generate_series(2, 1 + many * %(stretch)s) AS place
), free AS (
  SELECT DISTINCT ON (name) base, place, name FROM candidates c
  WHERE NOT EXISTS (
      SELECT FROM accounts a WHERE a.network_id = %(network)s AND lower(a.username) = c.name)
    AND NOT EXISTS (
      SELECT FROM {staged} s WHERE s.username IS NOT NULL AND lower(s.username) = c.name)
    AND NOT EXISTS (SELECT FROM made_usernames m WHERE m.username = c.name)
    AND ({none_burnt} OR NOT EXISTS (
      SELECT FROM burnt_usernames b WHERE b.network_id = %(network)s AND b.digest = {digest}))
  ORDER BY name, md5(base || name)
), served AS (
  SELECT name, base || ' ' || row_number() OVER (PARTITION BY base ORDER BY place) AS turn
  FROM free
)
UPDATE made_usernames m SET username = served.name
FROM waiting JOIN served USING (turn) WHERE m.number = waiting.number
"""
# Each round looks so many times as far, so that even 10,000 who are called alike need only few.
_STRETCH = 8


def _numbered(base: str, number: str) -> sql.SQL:
    """`username_rules.numbered` in SQL."""
    between = _between(base)
    return sql.SQL(
        f"rtrim(left({base}, {LONGEST} - length({number}::text) - length({between})), '._-')"
        f" || {between} || {number}"
    )


def _between(base: str) -> str:
    """What keeps a number apart from a base that ends in one."""
    return f"CASE WHEN right({base}, 1) BETWEEN '0' AND '9' THEN '-' ELSE '' END"


@dataclass(frozen=True, slots=True)
class Naming:
    """Whose students are named: those of `fresh`, rows like the staged ones that will be accounts.

    The usernames that any row of `staged` was given are taken. `secret` is what names are burnt
    with.
    """

    fresh: sql.Identifier
    staged: sql.Identifier
    network_id: UUID
    source_id: UUID
    secret: bytes


async def assign_usernames(
    connection: AsyncConnection[Any], naming: Naming, namer: Namer | None = None
) -> None:
    """Name the rows that come without a username.

    Leaves the temporary table `made_usernames`, which is gone with the transaction: those rows
    as they were staged, with their `username`, in the order of their names. (An update of a
    million staged rows would take longer than all the naming.) With a `namer` the bases are made
    here, for those rows only; else they were staged. To be called in the transaction that writes
    the accounts: others of the network wait until it ends.
    """
    given: dict[str, Any] = {"network": naming.network_id, "source": naming.source_id}
    await connection.execute(_LOCK, {"network": str(naming.network_id)})
    await connection.execute(_DROP)
    if namer is None:
        bases = _sql(_STAGED_BASES, naming)
    else:
        await _render(connection, naming, namer)
        bases = _sql(_RENDERED_BASES, naming)
    first = _sql(_FIRST, naming, numbered=_numbered("username_base", "place"), bases=bases)
    await connection.execute(first, given)
    await connection.execute(_ANALYZE)
    found = await connection.execute(_ANY_BURNT, given)
    [(any_burnt,)] = await found.fetchall()
    given |= pads(naming.secret)
    await _take_back(connection, naming, given, any_burnt=any_burnt)
    await _give_next(connection, naming, given, any_burnt=any_burnt)


def _sql(statement: str, naming: Naming, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(fresh=naming.fresh, staged=naming.staged, **parts)


async def _render(connection: AsyncConnection[Any], naming: Naming, namer: Namer) -> None:
    """Make the bases of new rows alone: most nights nearly all rows are known."""
    await connection.execute(_MAKE_RENDERED)
    async with connection.cursor("nameless") as reading, connection.cursor() as writing:
        await reading.execute(_sql(_TO_RENDER, naming))
        while rows := await reading.fetchmany(_AT_ONCE):
            numbers, ids, *names, grades = zip(*rows, strict=True)
            made = namer.names(*names, grades, ids)
            async with writing.copy(_COPY_RENDERED) as copy:
                for row in zip(numbers, made, strict=True):
                    await copy.write_row(row)


async def _take_back(
    connection: AsyncConnection[Any], naming: Naming, given: dict[str, Any], *, any_burnt: bool
) -> None:
    """Leave those without a name whose first one is not free."""
    burnt = _sql(_BURNT, naming, digest=sql.SQL(digest_sql("m.username")))
    twice = _sql(_TWICE, naming, between=sql.SQL(_between("base")))
    refused = [_sql(_OF_ACCOUNTS, naming), _sql(_OF_THE_FILE, naming), twice]
    for select in [*refused, burnt] if any_burnt else refused:
        await connection.execute(_sql(_TAKE_BACK, naming, refused=select), given)


async def _give_next(
    connection: AsyncConnection[Any], naming: Naming, given: dict[str, Any], *, any_burnt: bool
) -> None:
    """Number those without a name, until none is left."""
    following = _sql(
        _NEXT,
        naming,
        numbered=_numbered("base", "place"),
        none_burnt=sql.SQL("false" if any_burnt else "true"),
        digest=sql.SQL(digest_sql("c.name")),
    )
    stretch = 1
    while True:
        found = await connection.execute(_WAITING)
        [(waiting,)] = await found.fetchall()
        if not waiting:
            return
        # Unaware that many have no name now, the planner would compare each with each.
        await connection.execute(_ANALYZE)
        await connection.execute(following, given | {"stretch": stretch})
        stretch *= _STRETCH
