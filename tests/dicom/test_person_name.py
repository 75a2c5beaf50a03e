"""Two people's names differ; one person's differ in spelling, and are one."""

from __future__ import annotations

import pytest

from nnunet_multiphase.dicom.person_name import names_differ


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Doe^Jane", "DOE^JANE^^"),
        ("Doe^Jane", "jane doe"),
        ("Doe^Jane", "Doe^J"),
        ("Doe^Jane", "Doe^Jane^Mary^Dr"),
        ("Doe^Jane", "DoeJane"),
        ("Müller^Hans", "MUELLER^HANS"),
        ("Müller^Hans", "Muller^Hans"),
        ("Müller^Hans", "M?ller^Hans"),
        ("Müller^Hans", "MÃ¼ller^Hans"),
        ("Meier^Karl", "Meyer^Carl"),
        ("Müller-Schmidt^Eva", "Müller^Eva"),
        ("Case^001", "Case^1"),
        ("Yamada^Tarou=山田^太郎", "山田^太郎"),
        ("Yamada^Tarou", "山田^太郎"),
        ("Иванов^Иван", "Ivanov^Ivan"),
        ("Doe^Jane", ""),
        ("Doe^Jane", "Anonymous"),
    ],
)
def test_spellings_of_one_name_are_one(a: str, b: str) -> None:
    assert not names_differ(a, b)
    assert not names_differ(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Case^A", "Case^B"),
        ("Doe^Jane", "Doe^John"),
        ("Anon^1", "Anon^2"),
        ("Pat001", "Pat002"),
        ("Smith^Peter", "Miller^Anna"),
        ("山田^太郎", "鈴木^一郎"),
        ("Yamada^Tarou=山田^太郎", "Suzuki^Ichirou=鈴木^一郎"),
    ],
)
def test_two_people_have_two_names(a: str, b: str) -> None:
    assert names_differ(a, b)
    assert names_differ(b, a)
