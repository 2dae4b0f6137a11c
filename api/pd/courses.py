"""The catalogue of courses: added, changed, put away."""

from __future__ import annotations

from uuid import UUID

from api import clock
from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.pd.errors import CourseArchived, CourseTaken
from api.pd.models import Course
from api.pd.progress import project, schools_that_need
from api.pd.schemas import CourseIn, CourseOut, CoursePatch
from api.schools.queries import find_network
from api.schools.rules import StaffRole
from api.schools.service import changed_fields, flush, locked, write_changes

# What schools are measured by.
_COUNTED = frozenset({"hours", "required_share", "roles"})


async def add_course(session: WriteSession, caller: Caller, given: CourseIn) -> Course:
    """Raises: NetworkNotFound; Forbidden where the caller is not responsible for all of it;
    CourseTaken.
    """
    network_id = None
    if given.network is None:
        caller.require_everywhere()
    else:
        network_id = (await find_network(session, caller, given.network)).id
        caller.require_network(network_id)
    now = clock.now()
    course = Course(
        network_id=network_id,
        code=given.code,
        title=given.title,
        hours=given.hours,
        required_share=given.required_share,
        roles=list(given.roles),
        created_at=now,
        updated_at=now,
    )
    session.add(course)
    taken = CourseTaken(f"There is a course {given.code} in this catalogue; change that one.")
    await flush(session, {"uq_pd_courses_network_id_code": taken})
    await project(session, await schools_that_need(session, network_id))
    return course


async def change_course(
    session: WriteSession, caller: Caller, course: Course, patch: CoursePatch
) -> Course:
    """Raises: PreconditionFailed; Forbidden for a shared course and a caller of one network."""
    if course.network_id is None:
        caller.require_everywhere()
    else:
        caller.require_network(course.network_id)
    given = patch.changes()
    archived = given.pop("archived", None)
    if "roles" in given:
        given["roles"] = [role.value for role in given["roles"]]
    course = await locked(session, course, course.id)
    changes = changed_fields(course, given)
    if archived is not None and archived != (course.archived_at is not None):
        changes["archived_at"] = clock.now() if archived else None
    if not changes:
        return course
    write_changes(course, changes)
    await session.flush()
    if changes.keys() & _COUNTED:
        await project(session, await schools_that_need(session, course.network_id))
    return course


def require_in_use(course: Course) -> None:
    """Raises: CourseArchived."""
    if course.archived_at is not None:
        raise CourseArchived(f"{course.code} is archived; bring it back to hold it again.")


def course_out(course: Course, network_codes: dict[UUID, str]) -> CourseOut:
    return CourseOut(
        id=course.id,
        network=network_codes[course.network_id] if course.network_id else None,
        code=course.code,
        title=course.title,
        hours=float(course.hours),
        required_share=float(course.required_share),
        roles=[StaffRole(role) for role in course.roles],
        archived=course.archived_at is not None,
        version=course.version,
        created_at=course.created_at,
        updated_at=course.updated_at,
    )
