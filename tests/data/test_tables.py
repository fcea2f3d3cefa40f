"""Any rated table: histograms, means, labels, stars and choices, on any scale."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilgnet.data.rated import Preference, RatedSet
from ilgnet.data.scale import Scale, mean_of_votes, votes_to_ten
from ilgnet.data.tables import TableForm, read_table
from ilgnet.errors import DataError

PLAIN = TableForm({})


def table(folder: Path, text: str, form: TableForm = PLAIN, name: str = "ratings.csv") -> RatedSet:
    path = folder / name
    path.write_text(text)
    return read_table(path, form)


# The columns of the OASIS ratings, with its first row.
OASIS = (
    "file,mean,std,votes,count_1,count_2,count_3,count_4,count_5,count_6,count_7,category,theme\n"
    "images/Acorns1.jpg,4.8643,1.4799,140,4,10,9,20,48,33,16,Object,Acorns 1\n"
)


def test_a_histogram_on_seven_steps_keeps_its_mean(tmp_path: Path) -> None:
    rated = table(tmp_path, OASIS, TableForm({"group": "theme"}))
    (picture,) = rated.images
    assert rated.scale == "1..7"
    assert picture.mean == pytest.approx(1 + 9 * (4.8643 - 1) / 6, abs=1e-4)
    assert sum(picture.votes or ()) == pytest.approx(140)
    assert picture.path == tmp_path / "images/Acorns1.jpg"
    assert (picture.group, picture.categories) == ("Acorns 1", ("Object",))


def test_a_named_column_wins_over_the_histogram(tmp_path: Path) -> None:
    form = TableForm({"mean": "mean"}, Scale(1, 7))
    (picture,) = table(tmp_path, OASIS, form).images
    assert picture.votes is None
    assert picture.mean == pytest.approx(1 + 9 * 3.8643 / 6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=12).filter(any))
def test_mapping_votes_keeps_their_number_and_mean(counts: list[int]) -> None:
    mean = sum(k * count for k, count in enumerate(counts)) / sum(counts)
    votes = votes_to_ten(counts)
    assert len(votes) == 10
    assert sum(votes) == pytest.approx(sum(counts))
    assert mean_of_votes(votes) == pytest.approx(Scale(0, len(counts) - 1).to_ten(mean))


def test_means_need_a_scale_and_are_mapped(tmp_path: Path) -> None:
    text = "image_name,MOS\na.jpg,0\nb.jpg,50\nc.jpg,100\n"
    with pytest.raises(DataError, match=r"'MOS' is a mean on an unknown scale.*--scale"):
        table(tmp_path, text)
    rated = table(tmp_path, text, TableForm({}, Scale(0, 100)))
    assert [i.mean for i in rated.images] == [1, 5.5, 10]
    assert [i.high for i in rated.images] == [False, True, True]
    assert rated.scale == "0..100"


def test_stars_are_one_to_five_and_none_is_unrated(tmp_path: Path) -> None:
    rated = table(tmp_path, "file,stars\na.jpg,5\nb.jpg,0\nc.jpg,\nd.jpg,1\n")
    assert [(i.id, i.mean) for i in rated.images] == [("a.jpg", 10), ("d.jpg", 1)]
    assert rated.unrated == 2


def test_labels_in_words_and_numbers(tmp_path: Path) -> None:
    rated = table(tmp_path, "file,label\na.jpg,1\nb.jpg,LOW\nc.jpg,true\n")
    assert [i.high for i in rated.images] == [True, False, True]
    assert all(i.mean is None for i in rated.images)


def test_a_label_beside_a_mean_counts_only_if_it_is_named(tmp_path: Path) -> None:
    text = "file,mean,label\na.jpg,3,high\n"
    form = {"mean": "mean", "label": "label"}
    (named,) = table(tmp_path, text, TableForm(form, Scale(1, 10))).images
    assert named.high is True
    assert named.contradicts
    (alone,) = table(tmp_path, text.replace("high", "cat"), TableForm({}, Scale(1, 10))).images
    assert alone.high is False
    assert not alone.contradicts


def test_choices_between_two_pictures(tmp_path: Path) -> None:
    rated = table(tmp_path, "better,worse\na.jpg,b.jpg\na.jpg,c.jpg\nb.jpg,a.jpg\n")
    assert rated.ids == ("a.jpg", "b.jpg", "c.jpg")
    assert rated.choices == (
        Preference("a.jpg", "b.jpg"),
        Preference("a.jpg", "c.jpg"),
        Preference("b.jpg", "a.jpg"),
    )
    assert rated.without({"c.jpg"}).choices == (rated.choices[0], rated.choices[2])


def test_only_some_rows(tmp_path: Path) -> None:
    text = "file,label,fold\na.jpg,1,0\nb.jpg,0,1\nc.jpg,1,0\n"
    assert table(tmp_path, text, TableForm({}, where={"fold": "0"})).ids == ("a.jpg", "c.jpg")
    with pytest.raises(DataError, match=r"no row has fold=7; 'fold' holds '0', '1'$"):
        table(tmp_path, text, TableForm({}, where={"fold": "7"}))
    with pytest.raises(DataError, match="column names, but no row"):
        table(tmp_path, "file,label,fold\n", TableForm({}))
    with pytest.raises(DataError, match="no column 'part'"):
        table(tmp_path, text, TableForm({}, where={"part": "0"}))


def test_every_container_reads_alike(tmp_path: Path) -> None:
    text = "image_id,c1,c2,c3\n10,1,2,3\n11,3,2,1\n"
    expected = table(tmp_path, text).images
    assert [i.id for i in expected] == ["10.jpg", "11.jpg"]  # numbered pictures are .jpg
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode("utf-8-sig")))
    (tmp_path / "t.tsv").write_text(text.replace(",", "\t"))
    columns = {"image_id": [10, 11], "c1": [1, 3], "c2": [2, 2], "c3": [3, 1]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    for name in ("t.csv.gz", "t.tsv", "t.parquet"):
        assert read_table(tmp_path / name, PLAIN).images == expected


def test_quoted_cells_may_hold_commas_and_lines(tmp_path: Path) -> None:
    text = 'file,label,category\n"a, b.jpg",1,"one\ntwo"\nc.jpg,maybe,x\n'
    with pytest.raises(DataError, match="line 4, column 'label': 'maybe'"):
        table(tmp_path, text)
    assert table(tmp_path, text.replace("maybe", "0")).images[0].id == "a, b.jpg"


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        (
            "file,mean\na.jpg,9\nb.jpg,x\n",
            TableForm({}, Scale(1, 10)),
            "line 3, column 'mean'.*'x'",
        ),
        ("file,mean\na.jpg,11\n", TableForm({}, Scale(1, 10)), "line 2.*11 is not on the scale"),
        ("file,mean\na.jpg,nan\n", TableForm({}, Scale(1, 10)), "line 2.*not a number"),
        ("file,mean\n,3\n", TableForm({}, Scale(1, 10)), "line 2.*no picture's name"),
        ("file,count_1,count_2\na.jpg,-1,2\n", PLAIN, "line 2, column 'count_1'.*-1"),
        ("file,count_1,count_3\na.jpg,1,2\n", PLAIN, "every vote"),
        ("file,count_1,count_2\na.jpg,1,2\n", TableForm({}, Scale(1, 7)), "leave the scale out"),
        ("file,label\na.jpg,1\na.jpg,1\n", PLAIN, "more than once"),
        ("file,label\na.jpg,1,2\n", PLAIN, "line 2: 3 cells under 2"),
        ("photo,label\na.jpg,1\n", PLAIN, "no column for 'picture'.*--column picture=NAME"),
        ("file,width\na.jpg,1\n", PLAIN, "no ratings that are known by name.*--column mean="),
        ("file,label\na.jpg,1\n", TableForm({"mean": "mos"}), "no column 'mos'"),
        ("file,label\na.jpg,1\n", TableForm({"rating": "label"}), "no column role 'rating'"),
        ("better,loser2\na.jpg,b.jpg\n", PLAIN, "no column for 'worse'"),
        ("better,worse\na.jpg,a.jpg\n", PLAIN, "compared with itself"),
        ("file\na.jpg\n", PLAIN, "first line of column names"),
    ],
)
def test_errors_name_the_place_and_the_remedy(
    tmp_path: Path, text: str, form: TableForm, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        table(tmp_path, text, form)
    if "role" not in message:
        assert "ratings.csv" in str(caught.value)


def test_a_damaged_parquet_file_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=r"t\.parquet cannot be read"):
        read_table(tmp_path / "t.parquet", PLAIN)


@pytest.mark.parametrize("text", ["7..1", "1..", "1-7", "a..b", "1..1", "1...7"])
def test_a_scale_that_is_none(text: str) -> None:
    with pytest.raises(DataError, match=r"1\.\.7"):
        Scale.parse(text)


def test_scales_are_read() -> None:
    assert Scale.parse("1..7") == Scale(1, 7)
    assert Scale.parse(" -3 .. 3.5") == Scale(-3, 3.5)
    assert str(Scale(0, 100)) == "0..100"
