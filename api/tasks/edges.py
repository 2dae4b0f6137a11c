"""Dependencies: connect and disconnect tasks, and close the gap a cancelled one leaves."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, delete, or_, select, text
from sqlmodel import col

from api.db.uow import ReadSession, WriteSession
from api.errors import Invalid, field_error
from api.schools.queries import is_among
from api.tasks import queries
from api.tasks.errors import (
    DependencyCycle,
    DependencyNotFound,
    GraphTooLarge,
    TaskNotFound,
    TransitionRefused,
)
from api.tasks.gate import MOST_EDGES, hold_network, lock
from api.tasks.graph import neighbours, would_cycle
from api.tasks.models import Dependency, Rollout, Task
from api.tasks.queries import Owner
from api.tasks.rules import LONGEST_LAG, DependencyFacts, RolloutState, TaskStatus, bridge

_HOME = text("SELECT network_id, rollout_id FROM tasks WHERE id = :id")
# Upward, since what a task waits for is of its own graph or its network's; downward a walk from a
# network's task would enter the graph of every school.
_CHECK = text("""
WITH RECURSIVE above(id) AS (
  SELECT CAST(:before AS uuid)
  UNION
  SELECT d.predecessor_id FROM above JOIN dependencies d ON d.successor_id = above.id
)
SELECT EXISTS (SELECT FROM above WHERE id = :after),
  CASE WHEN CAST(:rollout AS uuid) IS NULL
    THEN (SELECT count(*) FROM dependencies WHERE network_id = :network AND rollout_id IS NULL)
    ELSE (SELECT count(*) FROM dependencies WHERE rollout_id = :rollout) END,
  ARRAY(SELECT key FROM tasks WHERE id IN (:before, :after) AND status = 'cancelled')
""")
_PUT = text("""
INSERT INTO dependencies
  (predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days)
VALUES (:predecessor_id, :successor_id, :network_id, :school_id, :rollout_id, :lag_days)
ON CONFLICT (predecessor_id, successor_id) DO UPDATE SET lag_days = excluded.lag_days
WHERE dependencies.lag_days <> excluded.lag_days
""")
# Where the two are connected already, the longer wait holds.
_BRIDGE = text("""
INSERT INTO dependencies
  (predecessor_id, successor_id, network_id, school_id, rollout_id, lag_days)
SELECT * FROM unnest(CAST(:before AS uuid[]), CAST(:after AS uuid[]), CAST(:networks AS uuid[]),
  CAST(:schools AS uuid[]), CAST(:rollouts AS uuid[]), CAST(:lags AS int[]))
ON CONFLICT (predecessor_id, successor_id) DO UPDATE SET lag_days = excluded.lag_days
WHERE dependencies.lag_days < excluded.lag_days
""")


async def connect(
    session: WriteSession, owner: Owner, predecessor_id: UUID, successor_id: UUID, lag: int
) -> Dependency:
    """Let the successor wait for the predecessor, or change the lag.

    The predecessor is of the same graph, or a task of the network before one of a school.
    Raises: DependencyCycle with the path in keys, TaskNotFound, Invalid, TransitionRefused for a
    cancelled task, GraphTooLarge.
    """
    home = (await session.execute(_HOME, {"id": predecessor_id})).one_or_none()
    if home is None:
        raise TaskNotFound(f"There is no task {predecessor_id}, or you may not see it.")
    of_network = home.rollout_id is None
    if home.network_id != owner.network_id or (
        home.rollout_id != owner.rollout_id and not of_network
    ):
        detail = "A task waits for tasks of its own school and rollout, or of its network."
        raise Invalid(detail, errors=[field_error("/predecessor_id", "other-graph", detail)])
    if of_network and owner.rollout_id is not None:
        await hold_network(session, owner.network_id)
    await lock(session, owner)
    await _check(session, owner, predecessor_id, successor_id)
    edge = new_edge(owner, predecessor_id, successor_id, lag)
    await session.execute(_PUT, edge.model_dump())
    return edge


async def _check(
    session: ReadSession, owner: Owner, predecessor_id: UUID, successor_id: UUID
) -> None:
    """Whether the graph, which the caller has locked, can take the edge.

    Raises: TransitionRefused, GraphTooLarge, DependencyCycle.
    """
    asked = {
        "before": predecessor_id,
        "after": successor_id,
        "network": owner.network_id,
        "rollout": owner.rollout_id,
    }
    closes, count, cancelled = (await session.execute(_CHECK, asked)).one()
    if cancelled:
        raise TransitionRefused(
            f"{cancelled[0]} is cancelled and in no graph; reopen it first.",
            status=TaskStatus.CANCELLED,
        )
    if count >= MOST_EDGES:
        raise GraphTooLarge(f"A graph holds at most {MOST_EDGES} dependencies.", limit=MOST_EDGES)
    if closes:
        raise DependencyCycle.of(await _cycle(session, owner, predecessor_id, successor_id))


async def _cycle(
    session: ReadSession, owner: Owner, predecessor_id: UUID, successor_id: UUID
) -> list[str]:
    """The keys along the cycle that an edge would close, the first repeated."""
    edges = await queries.edges_of(session, owner)
    pairs = neighbours((before, after) for before, after, _ in edges)
    cycle = would_cycle(pairs, predecessor_id, successor_id)
    assert cycle is not None
    return await _keys(session, cycle)


def new_edge(owner: Owner, predecessor: UUID, successor: UUID, lag: int = 0) -> Dependency:
    return Dependency(
        predecessor_id=predecessor,
        successor_id=successor,
        network_id=owner.network_id,
        school_id=owner.school_id,
        rollout_id=owner.rollout_id,
        lag_days=lag,
    )


async def _keys(session: ReadSession, task_ids: Sequence[UUID]) -> list[str]:
    rows = await session.execute(
        select(col(Task.id), col(Task.key)).where(col(Task.id).in_(set(task_ids)))
    )
    keys = {row[0]: row[1] for row in rows}
    return [keys[task_id] for task_id in task_ids]


async def disconnect(
    session: WriteSession, owner: Owner, predecessor_id: UUID, successor_id: UUID
) -> None:
    """Raises: DependencyNotFound."""
    await lock(session, owner)
    edge = await session.get(Dependency, (predecessor_id, successor_id))
    if edge is None:
        raise DependencyNotFound("The task does not wait for that one.")
    await session.delete(edge)
    await session.flush()


async def take_out(session: WriteSession, owner: Owner, task_id: UUID) -> None:
    """Remove a cancelled task's edges; what it connected stays in order.

    A network's task may stand before tasks of many schools: their graphs change with it, save
    in closed rollouts, which stay as they ended. Raises: GraphTooLarge.
    """
    if owner.school_id is None:
        edges = await _edges_at(session, [task_id])
        await session.touch_schools({edge.school_id for edge in edges if edge.school_id})
    await take_out_many(session, [task_id])


async def take_out_many(session: WriteSession, task_ids: Sequence[UUID]) -> None:
    """`take_out` for tasks of any graphs, all of them held; in three statements.

    Raises: GraphTooLarge.
    """
    edges = await _edges_at(session, task_ids)
    if not edges:
        return
    bridged = _over(edges, task_ids)
    await session.execute(
        delete(Dependency).where(_at(task_ids)).execution_options(synchronize_session=False)
    )
    await _bridge(session, edges, bridged)


def _at(task_ids: Sequence[UUID]) -> ColumnElement[bool]:
    """The edges that start or end at a task, those of closed rollouts left out."""
    is_open = select(col(Rollout.id)).where(col(Rollout.state) != RolloutState.CLOSED)
    return and_(
        or_(
            is_among(col(Dependency.predecessor_id), task_ids, Uuid()),
            is_among(col(Dependency.successor_id), task_ids, Uuid()),
        ),
        or_(col(Dependency.rollout_id).is_(None), col(Dependency.rollout_id).in_(is_open)),
    )


async def _edges_at(session: ReadSession, task_ids: Sequence[UUID]) -> Sequence[Dependency]:
    statement = select(Dependency).where(_at(task_ids))
    statement = statement.execution_options(populate_existing=True)
    return (await session.execute(statement)).scalars().all()


def _over(edges: Sequence[Dependency], task_ids: Sequence[UUID]) -> list[DependencyFacts]:
    """The edges over the tasks, which leave their graphs one after the other."""
    left: dict[tuple[str, str], int] = {}
    touching: dict[str, list[tuple[str, str]]] = {str(task_id): [] for task_id in task_ids}

    def put(before: str, after: str, lag: int) -> None:
        left[before, after] = max(lag, left.get((before, after), lag))
        for task_id in (before, after):
            if task_id in touching:
                touching[task_id].append((before, after))

    for edge in edges:
        put(str(edge.predecessor_id), str(edge.successor_id), edge.lag_days)
    for task_id, pairs in touching.items():
        mine = [DependencyFacts(*pair, left.pop(pair)) for pair in set(pairs) if pair in left]
        before = sum(edge.successor_id == task_id for edge in mine)
        if before * (len(mine) - before) > MOST_EDGES:
            raise GraphTooLarge(
                f"Keeping the order around it would take more than {MOST_EDGES} dependencies;"
                " disconnect some first.",
                limit=MOST_EDGES,
            )
        for over in bridge(mine, task_id):
            put(*over)
    return [DependencyFacts(*pair, lag) for pair, lag in left.items()]


async def _bridge(
    session: WriteSession, edges: Sequence[Dependency], bridged: Sequence[DependencyFacts]
) -> None:
    if not bridged:
        return
    into = {edge.successor_id: edge for edge in edges}
    after = [into[UUID(edge.successor_id)] for edge in bridged]
    await session.execute(
        _BRIDGE,
        {
            "before": [UUID(edge.predecessor_id) for edge in bridged],
            "after": [edge.successor_id for edge in after],
            "networks": [edge.network_id for edge in after],
            "schools": [edge.school_id for edge in after],
            "rollouts": [edge.rollout_id for edge in after],
            "lags": [min(edge.lag_days, LONGEST_LAG) for edge in bridged],
        },
    )
