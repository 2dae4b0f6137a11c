"""OneRoster 1.2 as CSV (1EdTech's CSV binding): a manifest, and in bulk who is a student where."""

from __future__ import annotations

from sqlalchemy import case

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes, filled
from api.accounts.rules import AccountStatus

_SENT = ("orgs", "roles", "users")
_ABSENT = (
    *("academicSessions", "categories", "classes", "classResources", "courseResources", "courses"),
    *("demographics", "enrollments", "lineItemLearningObjectiveIds", "lineItems"),
    *("lineItemScoreScales", "resources", "resultLearningObjectiveIds", "results"),
    *("resultScoreScales", "scoreScales", "userProfiles", "userResources"),
)
MANIFEST: dict[str, str] = {
    "manifest.version": "1.0",
    "oneroster.version": "1.2",
    **{
        f"file.{name}": "bulk" if name in _SENT else "absent"
        for name in sorted((*_SENT, *_ABSENT), key=str.lower)
    },
    "source.systemName": "FirstBell",
    "source.systemCode": "firstbell",
}
_PROPERTY = ("propertyName", "value")
_ORG = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"
_USER = (
    "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,"
    "preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns"
)
_ROLE = (
    "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
    "orgSourcedId,userProfileSourcedId"
)
# What a GUID has no place for; ours have no more than 255 characters, and at least one.
_NO_GUID = "[^0-9A-Za-z./@_-]"


def make(wishes: Wishes) -> Form:
    del wishes
    manifest = dict.fromkeys(_PROPERTY)
    return Form(
        sheets=[
            Sheet("manifest.csv", Of.nothing, manifest, lines=[*MANIFEST.items()]),
            Sheet("orgs.csv", Of.network, _district(), then=(Of.school, _school())),
            Sheet("users.csv", Of.account, _user(), reveals="password"),
            Sheet("roles.csv", Of.account, _role()),
        ],
        fields=(
            *("sourced_id", "given_name", "family_name", "username", "email"),
            *("school", "grade", "status"),
        ),
        recipient=None,
        unfit=[cells.without_username(), *cells.unfit_ids(_NO_GUID, "no OneRoster GUID")],
        keyed=True,
        judges_schools=True,
        lists_schools=cells.without(cells.SCHOOL_ID, _NO_GUID),
        statuses=frozenset({AccountStatus.active, AccountStatus.suspended}),
    )


def _district() -> dict[str, Cell]:
    known: dict[str, Cell] = {
        "sourcedId": cells.district_id(),
        "name": cells.NETWORK_NAME,
        "type": cells.fixed("district"),
    }
    return filled(_ORG, known)


def _school() -> dict[str, Cell]:
    known: dict[str, Cell] = {
        "sourcedId": cells.SCHOOL_ID,
        "name": cells.SCHOOL_NAME,
        "type": cells.fixed("school"),
        "parentSourcedId": cells.district_id(),
    }
    return filled(_ORG, known)


def _user() -> dict[str, Cell]:
    known: dict[str, Cell] = {
        "sourcedId": cells.SOURCED_ID,
        "enabledUser": case((cells.is_active(), "true"), else_="false"),
        "username": cells.USERNAME,
        "givenName": cells.GIVEN,
        "familyName": cells.FAMILY,
        "email": cells.EMAIL,
        "grades": cells.graded(cells.CODED),
        "primaryOrgSourcedId": cells.SCHOOL_ID,
    }
    return filled(_USER, known)


def _role() -> dict[str, Cell]:
    known: dict[str, Cell] = {
        # A student has one school here, so what names them names the role too.
        "sourcedId": cells.SOURCED_ID,
        "userSourcedId": cells.SOURCED_ID,
        "roleType": cells.fixed("primary"),
        "role": cells.fixed("student"),
        "orgSourcedId": cells.SCHOOL_ID,
    }
    return filled(_ROLE, known)


ONEROSTER = Format(make, takes=frozenset({"passwords"}))
