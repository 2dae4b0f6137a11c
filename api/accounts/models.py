"""Tables: student accounts, the runs that make and change them, and what a run did."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.accounts.rules import AccountStatus, ChangeKind, ImportState, Mode, OnError, Snapshot
from api.db.columns import Timestamped, id_field, moment_field, one_of, text_field

# The same order on every server, whatever its locale: names are given out in it.
_PLAIN = Text(collation="C")


class AccountSource(SQLModel, table=True):
    """Where rosters come from, such as a network's one SIS; made on first use."""

    __tablename__ = "account_sources"
    __table_args__ = (UniqueConstraint("network_id", "slug"),)

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    slug: str = text_field()
    created_at: datetime = moment_field(nullable=False)


class Account(Timestamped, table=True):
    """A student as one source knows them, and nothing about a child that is not needed.

    `grade` is -1 for PK, 0 for K. `edits` maps a field that a person changed to the moment and
    to what the source said then. `import_id` is the run that made the account, null by hand.
    No column says when a roster last named it: unchanged rows are not written.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("status", AccountStatus),
        CheckConstraint("grade BETWEEN -1 AND 12", name="grade"),
        CheckConstraint("status <> 'missing' OR missing_since IS NOT NULL", name="missing_since"),
        UniqueConstraint("source_id", "sourced_id"),
        Index("ix_accounts_school_id", "school_id"),
        Index(
            "uq_accounts_network_id_username", "network_id", text("lower(username)"), unique=True
        ),
    )

    id: UUID = id_field()
    network_id: UUID = Field(foreign_key="networks.id")
    source_id: UUID = Field(foreign_key="account_sources.id")
    sourced_id: str = Field(sa_type=_PLAIN)
    school_id: UUID = Field(foreign_key="schools.id")
    given_name: str = text_field()
    family_name: str = text_field()
    grade: int | None = Field(default=None, sa_type=SmallInteger)
    username: str | None = Field(default=None, sa_type=_PLAIN)
    email: str | None = text_field(default=None)
    status: str = text_field(default=AccountStatus.active)
    missing_since: datetime | None = moment_field(default=None, nullable=True)
    edits: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    import_id: UUID | None = None
    version: int = 1


class BurntUsername(SQLModel, table=True):
    """The HMAC of a name whose account is gone, renamed or undone: nobody else is given it.

    `owner` is the HMAC of whose it was, so that they may have it back; null: nobody may.
    """

    __tablename__ = "burnt_usernames"

    network_id: UUID = Field(primary_key=True, foreign_key="networks.id")
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    owner: bytes | None = Field(default=None, sa_type=LargeBinary)


class AccountImport(SQLModel, table=True):
    """A run: what was asked, how far it is, what it did.

    Network and source are null until the upload has told whose it is, and `snapshot` until it has
    told what it is, where the query did not. `digest` is the SHA-256 of
    the body and `query_key` what else makes an upload the same. `staged_rows` is how many rows
    staging had when it was finished; fewer later means a crash has emptied it. `revivals` is how
    often its job was given up and it was taken up again. `forgotten_at` is when what it held of
    students was deleted.
    """

    __tablename__ = "account_imports"
    __table_args__ = (
        one_of("mode", Mode),
        one_of("on_error", OnError),
        one_of("snapshot", Snapshot),
        one_of("state", ImportState),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent"),
        Index("ix_account_imports_network_id", "network_id"),
        Index("ix_account_imports_source_id", "source_id"),
        Index(
            "uq_account_imports_running",
            "query_key",
            "digest",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )

    id: UUID = id_field()
    network_id: UUID | None = Field(default=None, foreign_key="networks.id")
    source_id: UUID | None = Field(default=None, foreign_key="account_sources.id")
    source_slug: str = text_field()
    mode: str = text_field(default=Mode.apply)
    on_error: str = text_field(default=OnError.skip)
    snapshot: str | None = text_field(default=None)
    scope: str = text_field(default="source")
    state: str = text_field(default=ImportState.queued)
    format: str | None = text_field(default=None)
    details: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    digest: bytes = Field(sa_type=LargeBinary)
    body_bytes: int = Field(sa_type=BigInteger)
    query_key: str = text_field()
    actor: str = text_field()
    total: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    missing: int = 0
    restored: int = 0
    rejected: int = 0
    staged_rows: int | None = None
    revivals: int = Field(default=0, sa_type=SmallInteger)
    percent: int = Field(default=0, sa_type=SmallInteger)
    samples: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    held_reasons: list[Any] | None = Field(default=None, sa_type=JSONB)
    problem: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    undo: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    created_at: datetime = moment_field(nullable=False)
    started_at: datetime | None = moment_field(default=None, nullable=True)
    finished_at: datetime | None = moment_field(default=None, nullable=True)
    approved_by: str | None = text_field(default=None)
    approved_at: datetime | None = moment_field(default=None, nullable=True)
    forgotten_at: datetime | None = moment_field(default=None, nullable=True)


class AccountImportChunk(SQLModel, table=True):
    """A piece of an upload as it came, compressed; kept until a while after the run has ended."""

    __tablename__ = "account_import_chunks"

    import_id: UUID = Field(primary_key=True, foreign_key="account_imports.id", ondelete="CASCADE")
    position: int = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class AccountImportIssue(SQLModel, table=True):
    """Why a row was rejected: its first fault, and one for each rejected row."""

    __tablename__ = "account_import_issues"

    import_id: UUID = Field(primary_key=True, foreign_key="account_imports.id", ondelete="CASCADE")
    # In the order of their pages.
    row_number: int = Field(primary_key=True)
    # The archive's member; empty where the upload is one file.
    file: str = text_field(primary_key=True, default="")
    column_name: str | None = text_field(default=None)
    code: str = text_field()
    got: str | None = text_field(default=None)
    expected: str = text_field()


class AccountChange(SQLModel, table=True):
    """What a run changed of an account, to be undone: the fields as they were before it.

    Undone only while the account is still at `version_after`. Accounts a run made need no row:
    they name their run.
    """

    __tablename__ = "account_changes"
    __table_args__ = (one_of("kind", ChangeKind),)

    import_id: UUID = Field(primary_key=True, foreign_key="account_imports.id", ondelete="CASCADE")
    # No foreign key: each account that an undo deletes would be looked for here, row by row.
    account_id: UUID = Field(primary_key=True)
    kind: str = text_field()
    before: dict[str, Any] = Field(sa_type=JSONB)
    version_after: int


class AccountBaseline(SQLModel, table=True):
    """How many students a school had in the last full roster that was applied."""

    __tablename__ = "account_baselines"
    __table_args__ = (
        CheckConstraint("students >= 0", name="students"),
        Index("ix_account_baselines_school_id", "school_id"),
    )

    source_id: UUID = Field(primary_key=True, foreign_key="account_sources.id", ondelete="CASCADE")
    school_id: UUID = Field(primary_key=True, foreign_key="schools.id", ondelete="CASCADE")
    students: int
    import_id: UUID
    taken_at: datetime = moment_field(nullable=False)


class Disclosure(SQLModel, table=True):
    """A reading of students' names: who, when, what for, how many, handed to whom.

    `basis` is the ground they were handed on, such as a contract or a law's article.
    """

    __tablename__ = "disclosures"
    __table_args__ = (Index("ix_disclosures_network_id", "network_id"),)

    id: UUID = id_field()
    at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    purpose: str = text_field()
    network_id: UUID | None = Field(default=None, foreign_key="networks.id")
    school_id: UUID | None = Field(default=None, foreign_key="schools.id")
    fields: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    students: int
    recipient: str | None = text_field(default=None)
    basis: str | None = text_field(default=None)


class DisclosureStudents(SQLModel, table=True):
    """Up to a thousand of a disclosure's students by account id, in order.

    Ids of a range and not a row for each: a million students exported each night are a thousand
    rows, and who was told about one child is still found by an index. The ids are no foreign
    keys: whom a child's data went to is also asked after the child has been erased.
    """

    __tablename__ = "disclosure_students"
    __table_args__ = (
        CheckConstraint("first <= last", name="span"),
        CheckConstraint("cardinality(students) BETWEEN 1 AND 1000", name="students"),
        Index(
            "ix_disclosure_students_span",
            text("uuidrange(first, last, '[]'::text)"),
            postgresql_using="gist",
        ),
    )

    disclosure_id: UUID = Field(primary_key=True, foreign_key="disclosures.id", ondelete="CASCADE")
    first: UUID = Field(primary_key=True)
    last: UUID
    students: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))


class Erasure(SQLModel, table=True):
    """A student of whom nothing is kept but this, which names nobody.

    `digest` is the HMAC by which the next roster's row of them is known and refused, until the
    erasure is lifted; `account_id` is what disclosures of them are found by.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        Index("ix_erasures_network_id", "network_id"),
        Index(
            "uq_erasures_source_id_digest",
            "source_id",
            "digest",
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
        CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted"),
    )

    id: UUID = id_field()
    at: datetime = moment_field(nullable=False)
    actor: str = text_field()
    case_number: str | None = text_field(default=None)
    network_id: UUID = Field(foreign_key="networks.id")
    source_id: UUID = Field(foreign_key="account_sources.id")
    account_id: UUID
    digest: bytes = Field(sa_type=LargeBinary)
    lifted_at: datetime | None = moment_field(default=None, nullable=True)
    lifted_by: str | None = text_field(default=None)
