"""Tables of professional development, and what the database refuses there

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from psycopg import Connection
from sqlalchemy.dialects import postgresql

from api.db import triggers

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Ranges of one value stand for it in an exclusion constraint: no extension is needed for that. That
# of ids is there already (0010).
TYPES = """
CREATE TYPE textrange AS RANGE (subtype = text, collation = "C")"""
NOWHERE_TWICE = """
ALTER TABLE pd_registrations ADD CONSTRAINT ex_pd_registrations_person EXCLUDE USING gist (
  uuidrange(staff_id, staff_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&
) WHERE (status IN ('registered', 'attended', 'trains') AND NOT called_off);
ALTER TABLE pd_sessions ADD CONSTRAINT ex_pd_sessions_trainer EXCLUDE USING gist (
  uuidrange(network_id, network_id, '[]') WITH &&,
  textrange(trainer_key, trainer_key, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&
) WHERE (status <> 'cancelled' AND trainer_key IS NOT NULL);
ALTER TABLE pd_sessions ADD CONSTRAINT ex_pd_sessions_room EXCLUDE USING gist (
  uuidrange(coalesce(school_id, site_id), coalesce(school_id, site_id), '[]') WITH &&,
  textrange(room_key, room_key, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&
) WHERE (status <> 'cancelled' AND room_key IS NOT NULL)"""
# Kept here and not by whoever writes a registration, so that the check on the session's row
# refuses one too many whatever wrote it.
SEATS = """
CREATE FUNCTION takes_seat(r pd_registrations) RETURNS int LANGUAGE sql IMMUTABLE AS $$
  SELECT (r.status IN ('registered', 'offered', 'attended', 'no_show') AND NOT r.walk_in)::int
$$;
CREATE FUNCTION count_seats() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE pd_sessions s SET seats_taken = s.seats_taken + d.seats
    FROM (SELECT session_id, sum(takes_seat(r)) AS seats FROM new_rows r GROUP BY session_id) d
    WHERE s.id = d.session_id AND d.seats <> 0;
  ELSIF TG_OP = 'DELETE' THEN
    UPDATE pd_sessions s SET seats_taken = s.seats_taken - d.seats
    FROM (SELECT session_id, sum(takes_seat(r)) AS seats FROM old_rows r GROUP BY session_id) d
    WHERE s.id = d.session_id AND d.seats <> 0;
  ELSE
    UPDATE pd_sessions s SET seats_taken = s.seats_taken + d.seats
    FROM (SELECT session_id, sum(seats) AS seats
      FROM (SELECT session_id, takes_seat(r) AS seats FROM new_rows r
        UNION ALL SELECT session_id, -takes_seat(r) FROM old_rows r) change
      GROUP BY session_id) d
    WHERE s.id = d.session_id AND d.seats <> 0;
  END IF;
  RETURN NULL;
END $$"""
EVENTS = {
    "insert": "REFERENCING NEW TABLE AS new_rows",
    "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "REFERENCING OLD TABLE AS old_rows",
}
# A feed is built anew only when its network's revision has moved: names are in it, too.
REVISIONS = """
CREATE FUNCTION move_calendars() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO pd_calendar_state AS s (network_id, revision) VALUES (NEW.network_id, 1)
  ON CONFLICT (network_id) DO UPDATE SET revision = s.revision + 1;
  RETURN NULL;
END $$;
CREATE FUNCTION move_calendars_of_course() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pd_calendar_state SET revision = revision + 1
  WHERE NEW.network_id IS NULL OR network_id = NEW.network_id;
  RETURN NULL;
END $$;
CREATE FUNCTION move_calendars_of_trainer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE pd_calendar_state SET revision = revision + 1
  WHERE network_id = NEW.network_id
    AND EXISTS (SELECT FROM pd_sessions WHERE trainer_staff_id = NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER move_calendars_insert AFTER INSERT ON pd_sessions
  FOR EACH ROW EXECUTE FUNCTION move_calendars();
CREATE TRIGGER move_calendars_update AFTER UPDATE ON pd_sessions
  FOR EACH ROW WHEN (OLD.version <> NEW.version) EXECUTE FUNCTION move_calendars();
CREATE TRIGGER move_calendars AFTER UPDATE ON pd_courses
  FOR EACH ROW WHEN (OLD.title <> NEW.title) EXECUTE FUNCTION move_calendars_of_course();
CREATE TRIGGER move_calendars AFTER UPDATE ON schools
  FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION move_calendars_of_course();
CREATE TRIGGER move_calendars AFTER UPDATE ON sites
  FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION move_calendars_of_course();
CREATE TRIGGER move_calendars AFTER UPDATE ON staff
  FOR EACH ROW WHEN (OLD.given_name <> NEW.given_name OR OLD.family_name <> NEW.family_name)
  EXECUTE FUNCTION move_calendars_of_trainer()"""


def execute(statement: str) -> None:
    """Straight on the driver: several statements at once, and `%` stays what it is."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, Connection)
    driver.execute(statement.encode())


def upgrade() -> None:
    execute(TYPES)
    op.create_table(
        "calendar_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("trainer_key", sa.Text(), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("body_etag", sa.Text(), nullable=True),
        sa.Column("body_revision", sa.Text(), nullable=True),
        sa.Column("body_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('school', 'person', 'trainer', 'network')",
            name=op.f("ck_calendar_links_kind"),
        ),
        sa.CheckConstraint(
            "trainer_key IS NULL OR kind = 'trainer'", name=op.f("ck_calendar_links_trainer_key")
        ),
        sa.CheckConstraint(
            "num_nonnulls(subject_id, trainer_key) = 1", name=op.f("ck_calendar_links_subject")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_calendar_links_network_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_links")),
        sa.UniqueConstraint("digest", name=op.f("uq_calendar_links_digest")),
    )
    op.create_index("ix_calendar_links_network_id", "calendar_links", ["network_id"], unique=False)
    op.create_table(
        "pd_calendar_state",
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["networks.id"],
            name=op.f("fk_pd_calendar_state_network_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_pd_calendar_state")),
    )
    op.create_table(
        "pd_courses",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("hours", sa.Numeric(precision=6, scale=2), nullable=False),
        sa.Column("required_share", sa.Numeric(precision=5, scale=4), nullable=False),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("hours > 0 AND hours <= 200", name=op.f("ck_pd_courses_hours")),
        sa.CheckConstraint(
            "required_share > 0 AND required_share <= 1", name=op.f("ck_pd_courses_required_share")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_pd_courses_network_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_courses")),
        sa.UniqueConstraint(
            "network_id",
            "code",
            name=op.f("uq_pd_courses_network_id_code"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "pd_rules",
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "rule IN ('travel', 'blackout', 'out_of_school', 'substitute')",
            name=op.f("ck_pd_rules_rule"),
        ),
        sa.CheckConstraint(
            "severity IN ('block', 'warn', 'ignore')", name=op.f("ck_pd_rules_severity")
        ),
        sa.CheckConstraint('"limit" BETWEEN 0 AND 1440', name=op.f("ck_pd_rules_limit")),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_pd_rules_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("network_id", "rule", name=op.f("pk_pd_rules")),
    )
    op.create_table(
        "pd_waitlists",
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("offer_hours", sa.Integer(), nullable=False),
        sa.Column("seat_at_once", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "offer_hours BETWEEN 1 AND 720", name=op.f("ck_pd_waitlists_offer_hours")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"],
            ["networks.id"],
            name=op.f("fk_pd_waitlists_network_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_pd_waitlists")),
    )
    op.create_table(
        "pd_sessions",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("course_id", sa.Uuid(), nullable=False),
        sa.Column("school_id", sa.Uuid(), nullable=True),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("room", sa.Text(), nullable=True),
        sa.Column("room_key", sa.Text(), nullable=True),
        sa.Column("trainer_staff_id", sa.Uuid(), nullable=True),
        sa.Column("trainer_name", sa.Text(), nullable=True),
        sa.Column("trainer_email", sa.Text(), nullable=True),
        sa.Column("trainer_key", sa.Text(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("starts_local", sa.DateTime(), nullable=False),
        sa.Column("ends_local", sa.DateTime(), nullable=False),
        sa.Column("hours", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Integer(), nullable=False),
        sa.Column("seats_taken", sa.Integer(), nullable=False),
        sa.Column("last_entry", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("revised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "ends_at > starts_at AND ends_at <= starts_at + interval '24 hours'",
            name=op.f("ck_pd_sessions_times"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'completed', 'cancelled')", name=op.f("ck_pd_sessions_status")
        ),
        sa.CheckConstraint("(room IS NULL) = (room_key IS NULL)", name=op.f("ck_pd_sessions_room")),
        sa.CheckConstraint(
            "(trainer_key IS NULL) = (trainer_staff_id IS NULL AND trainer_name IS NULL)",
            name=op.f("ck_pd_sessions_trainer"),
        ),
        sa.CheckConstraint("capacity BETWEEN 1 AND 100000", name=op.f("ck_pd_sessions_capacity")),
        sa.CheckConstraint("hours > 0 AND hours <= 24", name=op.f("ck_pd_sessions_hours")),
        sa.CheckConstraint("minimum BETWEEN 0 AND capacity", name=op.f("ck_pd_sessions_minimum")),
        sa.CheckConstraint(
            "num_nonnulls(school_id, site_id) = 1 - online::int", name=op.f("ck_pd_sessions_place")
        ),
        sa.CheckConstraint("room IS NULL OR NOT online", name=op.f("ck_pd_sessions_room_online")),
        sa.CheckConstraint(
            "seats_taken BETWEEN 0 AND capacity", name=op.f("ck_pd_sessions_seats_taken")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["pd_courses.id"], name=op.f("fk_pd_sessions_course_id")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_pd_sessions_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["school_id"], ["schools.id"], name=op.f("fk_pd_sessions_school_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_pd_sessions_site_id")),
        sa.ForeignKeyConstraint(
            ["trainer_staff_id"], ["staff.id"], name=op.f("fk_pd_sessions_trainer_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_sessions")),
        sa.UniqueConstraint(
            "id", "starts_at", "ends_at", name=op.f("uq_pd_sessions_id_starts_at_ends_at")
        ),
    )
    op.create_index("ix_pd_sessions_course_id", "pd_sessions", ["course_id"], unique=False)
    op.create_index(
        "ix_pd_sessions_network_id_starts_at",
        "pd_sessions",
        ["network_id", "starts_at"],
        unique=False,
    )
    op.create_index(
        "ix_pd_sessions_school_id_starts_at",
        "pd_sessions",
        ["school_id", "starts_at"],
        unique=False,
    )
    op.create_index(
        "ix_pd_sessions_trainer_staff_id", "pd_sessions", ["trainer_staff_id"], unique=False
    )
    op.create_table(
        "pd_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('rescheduled', 'cancelled', 'trainer_changed', 'offered', 'seated', 'offer_expired')",
            name=op.f("ck_pd_notices_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_pd_notices_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["pd_sessions.id"],
            name=op.f("fk_pd_notices_session_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_pd_notices_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_notices")),
    )
    op.create_index("ix_pd_notices_session_id", "pd_notices", ["session_id"], unique=False)
    op.create_index(
        "ix_pd_notices_unsent",
        "pd_notices",
        ["network_id", "id"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "pd_registrations",
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("network_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offer_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hours", sa.Numeric(precision=5, scale=2), nullable=True),
        sa.Column("walk_in", sa.Boolean(), nullable=False),
        sa.Column("called_off", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status = 'attended') = (hours IS NOT NULL)", name=op.f("ck_pd_registrations_hours")
        ),
        sa.CheckConstraint(
            "(status = 'offered') = (offer_expires_at IS NOT NULL)",
            name=op.f("ck_pd_registrations_offer"),
        ),
        sa.CheckConstraint(
            "status IN ('registered', 'waitlisted', 'offered', 'attended', 'no_show', 'cancelled', 'trains')",
            name=op.f("ck_pd_registrations_status"),
        ),
        sa.CheckConstraint(
            "hours > 0 AND hours <= 24", name=op.f("ck_pd_registrations_hours_range")
        ),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_pd_registrations_network_id")
        ),
        sa.ForeignKeyConstraint(
            ["session_id", "starts_at", "ends_at"],
            ["pd_sessions.id", "pd_sessions.starts_at", "pd_sessions.ends_at"],
            name=op.f("fk_pd_registrations_session_id_starts_at_ends_at"),
            onupdate="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_pd_registrations_staff_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pd_registrations")),
        sa.UniqueConstraint(
            "session_id", "staff_id", name=op.f("uq_pd_registrations_session_id_staff_id")
        ),
    )
    op.create_index(
        "ix_pd_registrations_offers",
        "pd_registrations",
        ["offer_expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'offered'"),
    )
    op.create_index("ix_pd_registrations_staff_id", "pd_registrations", ["staff_id"], unique=False)
    op.create_index(
        "ix_pd_registrations_waiting",
        "pd_registrations",
        ["session_id", "entry"],
        unique=False,
        postgresql_where=sa.text("status = 'waitlisted'"),
    )
    execute(NOWHERE_TWICE)
    execute(SEATS)
    for event, rows in EVENTS.items():
        execute(
            f"CREATE TRIGGER count_seats_{event} AFTER {event} ON pd_registrations {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION count_seats()"
        )
    execute(REVISIONS)
    # Whose credit was changed, by whom.
    for statement in triggers.record_history(
        "pd_registrations", "r.id::text", "r.network_id", "null::uuid"
    ):
        execute(statement)


def downgrade() -> None:
    for statement in triggers.drop("pd_registrations"):
        execute(statement)
    execute(
        "DROP FUNCTION move_calendars() CASCADE; DROP FUNCTION move_calendars_of_course() CASCADE;"
        "DROP FUNCTION move_calendars_of_trainer() CASCADE;"
        "DROP FUNCTION count_seats() CASCADE; DROP FUNCTION takes_seat(pd_registrations)"
    )
    op.drop_index(
        "ix_pd_registrations_waiting",
        table_name="pd_registrations",
        postgresql_where=sa.text("status = 'waitlisted'"),
    )
    op.drop_index("ix_pd_registrations_staff_id", table_name="pd_registrations")
    op.drop_index(
        "ix_pd_registrations_offers",
        table_name="pd_registrations",
        postgresql_where=sa.text("status = 'offered'"),
    )
    op.drop_table("pd_registrations")
    op.drop_index(
        "ix_pd_notices_unsent", table_name="pd_notices", postgresql_where=sa.text("sent_at IS NULL")
    )
    op.drop_index("ix_pd_notices_session_id", table_name="pd_notices")
    op.drop_table("pd_notices")
    op.drop_index("ix_pd_sessions_trainer_staff_id", table_name="pd_sessions")
    op.drop_index("ix_pd_sessions_school_id_starts_at", table_name="pd_sessions")
    op.drop_index("ix_pd_sessions_network_id_starts_at", table_name="pd_sessions")
    op.drop_index("ix_pd_sessions_course_id", table_name="pd_sessions")
    op.drop_table("pd_sessions")
    op.drop_table("pd_waitlists")
    op.drop_table("pd_rules")
    op.drop_table("pd_courses")
    op.drop_table("pd_calendar_state")
    op.drop_index("ix_calendar_links_network_id", table_name="calendar_links")
    op.drop_table("calendar_links")
    execute("DROP TYPE textrange")
