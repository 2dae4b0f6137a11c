"""Clever's SFTP files, version 2.1.1: the five that an upload must have.

Teachers, sections and enrollments are not ours to know; those files have their headers only.
"""

from __future__ import annotations

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes, filled

_GRADES = ("PreKindergarten", "Kindergarten", *map(str, range(1, 13)))
_SCHOOL = (
    "School_id,School_name,School_number,State_id,Low_grade,High_grade,Principal,Principal_email,"
    "School_address,School_city,School_state,School_zip,School_phone"
)
_STUDENT = (
    "School_id,Student_id,Student_number,State_id,Last_name,Middle_name,First_name,Grade,Gender,"
    "Graduation_year,DOB,Race,Hispanic_Latino,Home_language,Ell_status,Frl_status,IEP_status,"
    "Student_street,Student_city,Student_state,Student_zip,Student_email,Contact_relationship,"
    "Contact_type,Contact_email,Contact_sis_id,Username,Password"
)
_TEACHER = (
    "School_id,Teacher_id,Teacher_number,State_teacher_id,Teacher_email,First_name,Middle_name,"
    "Last_name,Title,Username,Password"
)
_SECTION = (
    "School_id,Section_id,Teacher_id,Teacher_2_id,Teacher_3_id,Teacher_4_id,Name,Section_number,"
    "Grade,Course_name,Course_number,Course_description,Period,Subject,Term_name,Term_start,"
    "Term_end"
)
_ENROLLMENT = "School_id,Section_id,Student_id"


def make(wishes: Wishes) -> Form:
    del wishes
    school: dict[str, Cell] = {
        "School_id": cells.SCHOOL_ID,
        "School_name": cells.SCHOOL_NAME,
        "School_number": cells.SCHOOL_ID,
    }
    student: dict[str, Cell] = {
        "School_id": cells.SCHOOL_ID,
        "Student_id": cells.SOURCED_ID,
        "Last_name": cells.FAMILY,
        "First_name": cells.GIVEN,
        "Grade": cells.graded(_GRADES),
        "Student_email": cells.EMAIL,
        "Username": cells.USERNAME,
    }
    return Form(
        sheets=[
            Sheet("schools.csv", Of.school, filled(_SCHOOL, school)),
            Sheet("students.csv", Of.account, filled(_STUDENT, student), reveals="Password"),
            Sheet("teachers.csv", Of.nothing, filled(_TEACHER, {})),
            Sheet("sections.csv", Of.nothing, filled(_SECTION, {})),
            Sheet("enrollments.csv", Of.nothing, filled(_ENROLLMENT, {})),
        ],
        fields=(
            *("sourced_id", "given_name", "family_name", "username", "email"),
            *("school", "grade"),
        ),
        recipient="Clever",
        keyed=True,
    )


CLEVER = Format(make, takes=frozenset({"passwords"}))
