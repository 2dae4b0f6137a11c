"""Apple School Manager: the six files of an SFTP upload.

Staff, courses, classes and rosters are not ours to know; those files have their headers only.
"""

from __future__ import annotations

from sqlalchemy import case

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes, Written

_GRADES = ("PK", "K", *map(str, range(1, 13)))
_STAFF = (
    "person_id,person_number,first_name,middle_name,last_name,email_address,sis_username,"
    "location_id"
)
_COURSES = "course_id,course_number,course_name,location_id"
_CLASSES = (
    "class_id,class_number,course_id,instructor_id,instructor_id_2,instructor_id_3,location_id"
)
_ROSTERS = "roster_id,class_id,student_id"
# "Any identifiers entered must be alphanumeric and can include a hyphen."
_NO_IDENTIFIER = "[^0-9A-Za-z-]"
# Digits of a passcode that a child can remember, by the last grade that has it; then 8.
_PASSCODES = ((2, "4"), (5, "6"))


def make(wishes: Wishes) -> Form:
    del wishes
    location: dict[str, Cell] = {
        "location_id": cells.SCHOOL_ID,
        "location_name": cells.SCHOOL_NAME,
    }
    student: dict[str, Cell] = {
        "person_id": cells.SOURCED_ID,
        "person_number": None,
        "first_name": cells.GIVEN,
        "middle_name": None,
        "last_name": cells.FAMILY,
        "grade_level": cells.graded(_GRADES),
        "email_address": cells.EMAIL,
        "sis_username": cells.USERNAME,
        "password_policy": case(
            *((last >= cells.GRADE, digits) for last, digits in _PASSCODES), else_="8"
        ),
        "location_id": cells.SCHOOL_ID,
    }
    return Form(
        sheets=[
            Sheet("locations.csv", Of.school, location),
            Sheet("students.csv", Of.account, student),
            *(
                Sheet(name, Of.nothing, dict.fromkeys(header.split(",")))
                for name, header in (
                    ("staff.csv", _STAFF),
                    ("courses.csv", _COURSES),
                    ("classes.csv", _CLASSES),
                    ("rosters.csv", _ROSTERS),
                )
            ),
        ],
        fields=(
            *("sourced_id", "given_name", "family_name", "username", "email"),
            *("school", "grade"),
        ),
        recipient="Apple",
        unfit=cells.unfit_ids(_NO_IDENTIFIER, "not of letters, digits and hyphens"),
        keyed=True,
        judges_schools=True,
        lists_schools=cells.without(cells.SCHOOL_ID, _NO_IDENTIFIER),
        written=Written.apple,
    )


APPLE = Format(make)
