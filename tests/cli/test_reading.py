"""What becomes of a CSV file: the same table from every way to write it, or one clear line."""

import bz2
import gzip
import lzma
import os
from threading import Thread

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from skreg.cli.compare import InputError

pd = pytest.importorskip("pandas")
read_table = pytest.importorskip("skreg.cli.reading").read_table


def german(number):
    """1234.5 as 1.234,5."""
    return f"{number:,.1f}".translate(str.maketrans(",.", ".,"))


def r2(table):
    """Of least squares on what the table's preparation makes of it."""
    X = table.prepare.fit_transform(table.X)
    return LinearRegression().fit(X, table.y).score(X, table.y)


@pytest.fixture
def read(tmp_path):
    """A function that writes text or bytes into a file and reads it as a table."""

    def read(content, target="price", name="houses.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(str(path), target, **options)

    return read


def said(table, column):
    """What the report says of a column: how it was read, and the note."""
    line = next(line for line in table.report[1:] if line.split()[0] == column)
    return line.split(maxsplit=1)[1]


def refused(read, *args, **options):
    with pytest.raises(InputError) as error:
        read(*args, **options)
    return str(error.value)


# The same table in many ways

WAYS = {
    "plain": lambda h: h.lines(),
    "semicolons": lambda h: h.lines(sep=";"),
    "tabs": lambda h: h.lines(sep="\t"),
    "bars": lambda h: h.lines(sep="|"),
    "spaces": lambda h: h.lines(sep="  ", head="sqm rooms price"),
    "spaces after commas": lambda h: h.lines(sep=" , "),
    "a separator in quotes": lambda h: h.lines(head='"sqm;m2",rooms,price'),
    "sep= line": lambda h: "sep=;\r\n" + h.lines(sep=";").replace("\n", "\r\n"),
    "old Macintosh": lambda h: h.lines().replace("\n", "\r"),
    "empty lines": lambda h: "\n\n" + h.lines() + "\n\n",
    "UTF-8 with a mark": lambda h: h.lines(head="Fläche,rooms,price").encode("utf-8-sig"),
    "Windows-1252": lambda h: h.lines(head="Fläche,rooms,price").encode("cp1252"),
    "UTF-16": lambda h: h.lines(sep="\t", head="Fläche,rooms,price").encode("utf-16"),
    "a delimiter at the end": lambda h: h.lines(end=","),
    "a delimiter at every end": lambda h: h.lines(end=",", head="sqm,rooms,price,"),
    "percent": lambda h: h.lines([f"{s}%" for s in h.sqm]),
    "percent after a space": lambda h: h.lines([f"{s} %" for s in h.sqm]),
    "square metres": lambda h: h.lines([f"{s} m²" for s in h.sqm]),
    "dollars": lambda h: h.lines([f'"${1000 * s:,.2f}"' for s in h.sqm]),
    "euros behind": lambda h: h.lines(price=[f"{p} €" for p in h.price]),
    "thousands": lambda h: h.lines([f'"{10 * s:,.1f}"' for s in h.sqm]),
    "thousands only": lambda h: h.lines([f'"{1000 * s:,.0f}"' for s in h.sqm]),
    "German": lambda h: h.lines([german(10 * s) for s in h.sqm], sep=";"),
    "German with tabs": lambda h: h.lines([german(s) for s in h.sqm], sep="\t"),
    "German in quotes": lambda h: h.lines([f'"{german(s)}"' for s in h.sqm]),
    "French": lambda h: h.lines(
        [f"{100 * s:,.1f}".translate({44: "\u202f", 46: ","}) for s in h.sqm], sep=";"
    ),
    "Swiss": lambda h: h.lines([f"{100 * s:,.1f}".replace(",", "'") for s in h.sqm]),
    "exponents": lambda h: h.lines([f"{s:.3e}" for s in h.sqm]),
    "real minus signs": lambda h: h.lines([f"\u2212{s}" for s in h.sqm]),
    "a note below": lambda h: h.lines() + "Source: city office,,\n",
    "two notes below": lambda h: h.lines() + "Source: city office\nSeen in May\n",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_write_a_table_is_read_alike(read, houses, way):
    table = read(WAYS[way](houses))
    assert table.X.shape == (120, 2)
    np.testing.assert_array_equal(table.y, houses.price)
    sqm = table.X.iloc[:, 0].to_numpy()
    np.testing.assert_allclose(sqm / sqm[0], houses.sqm / houses.sqm[0], rtol=1e-12)
    assert r2(table) == pytest.approx(houses.r2(houses.sqm), abs=1e-9)


@pytest.mark.parametrize(
    "cell", ["?", "#DIV/0!", "<30", "n/a", "", "-", "#N/A", "NULL", "inf", "1e200", "n.d.", "12.5%"]
)
def test_a_cell_that_is_no_number_counts_as_missing_and_is_named(read, houses, cell):
    table = read(houses.lines([cell if i == 7 else s for i, s in enumerate(houses.sqm)]))
    kind, _, note = said(table, "sqm").partition(" ")
    assert kind == "number"
    assert note.endswith(f"taken as missing: 1 {cell!r}" if cell else "taken as missing: 1 empty")
    assert np.isnan(table.X["sqm"][7])
    assert table.X["sqm"].isna().sum() == 1
    sqm = houses.sqm.copy()
    sqm[7] = np.median(np.delete(houses.sqm, 7))
    assert r2(table) == pytest.approx(houses.r2(sqm), abs=1e-9)


def test_compressed(read, houses):
    for name, compress in (("a.csv.xz", lzma), ("A.CSV.GZ", gzip), ("a.csv.bz2", bz2)):
        table = read(compress.compress(houses.lines().encode()), name=name)
        np.testing.assert_array_equal(table.y, houses.price)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_a_pipe(tmp_path, houses):
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_text, args=[houses.lines()])
    writer.start()
    assert len(read_table(str(tmp_path / "pipe"), "price").y) == 120
    writer.join()


def test_unknown_targets_leave_out_their_rows(read, houses):
    price = ["?" if i < 3 else p for i, p in enumerate(houses.price)]
    table = read(houses.lines(price=price))
    np.testing.assert_array_equal(table.y, houses.price[3:])
    np.testing.assert_array_equal(table.X["sqm"], houses.sqm[3:])
    assert said(table, "price").endswith("taken as missing: 3 '?'; these rows are left out")


def test_a_note_below_the_table_is_said(read, houses):
    table = read(houses.lines() + "Source: city office,,\n")
    assert said(table, "price").endswith("taken as missing: 1 empty; these rows are left out")


# Options


def test_an_option_decides_what_the_file_leaves_open(read, houses):
    price = [f"{p:,}".replace(",", ".") for p in houses.price]
    text = houses.lines(houses.rooms, sep=";", price=price)
    assert "--decimal . or --decimal ," in refused(read, text)
    np.testing.assert_array_equal(read(text, decimal=",").y, houses.price)
    np.testing.assert_allclose(read(text, decimal=".").y, houses.price / 1000)


def test_separator_and_encoding(read, houses):
    text = houses.lines(sep=";", head='"price,net",rooms,price').replace("price;net", "price,net")
    assert "no column" in refused(read, text, sep="|")
    assert read(text, sep=";").columns == ["price,net", "rooms"]
    cyrillic = houses.lines(head="площадь,rooms,цена").encode("cp1251")
    assert "no column 'цена'" in refused(read, cyrillic, "цена")
    assert read(cyrillic, "цена", encoding="cp1251").columns == ["площадь", "rooms"]
    assert refused(read, cyrillic, encoding="utf-8").endswith("is not text in the encoding utf-8")


def test_what_is_assumed_or_taken_off_is_said(read, houses):
    latin = houses.lines(price=[f"{p} \u20ac" for p in houses.price]).encode("cp1252")
    assert "cp1252 (assumed)" in read(latin).report[0]
    assert "cp1252, " in read(latin, encoding="cp1252").report[0]
    assert said(read(latin), "price") == "target    43423 to 374894 \u20ac"
    price = [f'"$ {p:,}"' for p in houses.price]
    assert said(read(houses.lines(price=price)), "price") == (
        "target    43423 to 374894; without thousands marks"
    )


def test_dropped_columns(read, houses):
    table = read(houses.lines(), drop=["sqm"])
    assert table.columns == ["rooms"]
    assert said(table, "sqm") == "left out  as --drop says"
    assert "the nearest are 'sqm'" in refused(read, houses.lines(), drop=["sqmm"])
    assert "no feature 'price'" in refused(read, houses.lines(), drop=["price"])


def test_a_dropped_column_has_no_say_in_the_decimal_mark(read, houses):
    text = houses.lines([german(s) for s in houses.sqm], sep=";")
    head, *rows = text.splitlines()
    text = "\n".join(["version;" + head, *("1.5;" + row for row in rows)])
    assert "say --decimal . or --decimal ," in refused(read, text)
    table = read(text, drop=["version"])
    assert r2(table) == pytest.approx(houses.r2(houses.sqm), abs=1e-9)


# Categories, and columns that are left out


def with_column(houses, cells, head="town"):
    text = houses.lines(head=f"sqm,rooms,price,{head}").splitlines()
    rows = [f"{row},{cell}" for row, cell in zip(text[1:], cells, strict=True)]
    return "\n".join([text[0], *rows]) + "\n"


def test_categories(read, houses):
    towns = (["Ulm"] * 59 + ["Bonn"] * 30 + [""] * 25 + ["Kiel"] * 4 + ["Rom"] * 2)[:120]
    table = read(with_column(houses, towns))
    assert said(table, "town") == (
        "category  5 levels: Ulm, Bonn, (missing), ...; 2 rare ones joined; "
        "taken as missing: 25 empty"
    )
    X = table.prepare.fit_transform(table.X)
    names = table.prepare.get_feature_names_out(table.columns)
    town = dict(zip(names, X.T, strict=True))
    assert X.shape == (120, 6)
    np.testing.assert_array_equal(town["town=Bonn"], np.array(towns) == "Bonn")
    np.testing.assert_array_equal(town["town=(missing)"], np.array(towns) == "")
    np.testing.assert_array_equal(town["town=(rare)"], np.arange(120) >= 114)
    standard = (houses.sqm - houses.sqm.mean()) / houses.sqm.std()
    np.testing.assert_allclose(town["sqm"], standard, atol=1e-12)


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (["true", "false", ""] * 40, "category  3 levels: true, false, (missing); taken as"),
        (["TRUE", "FALSE"] * 60, "category  2 levels: TRUE, FALSE"),
        (["1", "2", "R"] * 40, "category  3 levels: 1, 2, R"),
        (["1", "3a", "x"] * 40, "category  3 levels: 1, 3a, x"),
        (
            [f"h{i}" for i in range(120)],
            "left out  nothing to learn from: 1 'h0', 1 'h1', 1 'h2', 117",
        ),
        ([f"2024-{i // 28 + 1}-{i % 28}" for i in range(120)], "left out  nothing to learn from"),
        (["x"] * 120, "left out  nothing to learn from: 120 'x'"),
        ([5] * 60 + [""] * 60, "category  2 levels: 5, (missing); taken as missing: 60 empty"),
        ([""] * 120, "left out  nothing to learn from: 120 empty"),
        (
            ["None"] * 70 + ["Brick"] * 50,
            "category  2 levels: (missing), Brick; taken as missing: 70",
        ),
        ([f"{i}:30" for i in range(120)], "left out  nothing"),
        (["05.01.2024", "17.02.2024"] * 60, "category  2 levels"),
        (range(120), "number    0 to 119; all different; --drop it if it is an id"),
        (np.arange(120) / 2, "number    0 to 59.5"),
        (["00501", "10001", "94105"] * 40, "category  3 levels: 00501, 10001, 94105"),
    ],
)
def test_how_a_column_is_read(read, houses, cells, note):
    assert said(read(with_column(houses, cells)), "town").startswith(note)


def test_row_numbers_have_no_name(read, houses):
    rows = houses.lines(head="sqm,rooms,price").splitlines()
    text = "\n".join([f"{i or ''},{row}" for i, row in enumerate(rows)])
    table = read(text)
    assert table.columns == ["sqm", "rooms"]
    assert "no name" in next(line for line in table.report if "Unnamed" in line)


def test_a_target_may_be_called_as_pandas_calls_what_has_no_name(read, houses):
    table = read(houses.lines(head="sqm,rooms,Unnamed: 0"), "Unnamed: 0")
    np.testing.assert_array_equal(table.y, houses.price)


def test_a_name_that_stands_twice(read, houses):
    assert "several columns 'price'" in refused(read, houses.lines(head="price,rooms,price"))
    assert "several columns 'sqm'" in refused(read, houses.lines(head="sqm ,sqm,price"))


def test_a_column_may_be_empty_in_a_training_fold(read, houses):
    table = read(with_column(houses, ["1", "2", *[""] * 118]))
    assert np.isfinite(r2(table))


# What leaves a doubt, and what is no table


def test_a_column_of_numbers_and_more_than_a_few_texts_is_said_to_be_a_category(read, houses):
    half = [f"{s}%" if i % 2 else s for i, s in enumerate(houses.sqm)]
    assert said(read(with_column(houses, half)), "town").startswith("left out  nothing to learn")
    ages = ["<60"] * 30 + [60, 70, 80] * 30
    assert said(read(with_column(houses, ages)), "town") == "category  4 levels: <60, 60, 70, ..."


ROWS = "".join(f"{i},{i * i}\n" for i in range(20))
REFUSED = {
    "empty": ("", "is empty"),
    "only blanks": (" \n\n", "is empty"),
    "no row": ("area,price\n", "has no rows"),
    "no target": ("area,price\n" + "1,\n" * 20, "not a number that varies"),
    "no feature": ("price\n" + "1\n2\n" * 10, "no feature"),
    "constant feature": ("area,price\n" + "1,1\n1,2\n" * 10, "no feature"),
    "short": ("area,price\n" + "1,2\n3,4\n" * 4, "8 rows with a 'price'; at least 10"),
    "constant target": (
        "area,price\n" + "1,2\n3,2\n" * 10,
        "nothing to learn from: 20 '2'",
    ),
    "text": (
        "area,price\n" + "1,low\n3,high\n" * 10,
        "2 levels: low, high",
    ),
    "censored": ("area,price\n" + ROWS.replace("9,", "9,<"), "not a number that varies"),
    "other case": ("area,Price\n" + ROWS, "no column 'price'; the nearest are 'Price'"),
    "other names": ("a,b\n" + ROWS, "no column 'price'; the nearest are 'b', 'a'"),
    "two lines": ('area,"a\nb"\n1,2\n', "no column 'price'"),
    "another field": ("area,price\n" + "1,2,3\n" * 20, "more cells in a row than names"),
    "a field too many": ("area,price\n" + ROWS + "1,2,3\n", "Expected 2 fields in line 22, saw 3"),
    "an open quote": ('area,price\n1,"2\n', "EOF inside string"),
    "decimal commas": ("area,price\n" + "1,5,7\n" * 20, "more cells in a row than names"),
    "two marks": (
        "a;price\n1.5;2\n2,5;3\n" + "1;2\n" * 10,
        "is '1.5' in 'a' a fraction?",
    ),
    "binary": (bytes(range(256)) * 8, "not text"),
    "UTF-16 without a mark": ("area,price\n1,2\n".encode("utf-16-le"), "say --encoding"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_one_line_says_what_is_wrong(read, kind):
    content, message = REFUSED[kind]
    assert message in refused(read, content)


def test_no_file(tmp_path, read):
    assert "No such file" in refused(read_table, str(tmp_path / "none.csv"), "price")
    assert "Is a directory" in refused(read_table, str(tmp_path), "price") or os.name == "nt"
    assert "cannot read" in refused(read, b"\xfd7zXZ\x00" + bytes(20), name="cut.csv.xz")
    assert "cannot read" in refused(read, b"\x1f\x8b\x08" + bytes(20), name="cut.csv.gz")
    assert "unknown encoding: utf-99" in refused(read, "a,price\n", encoding="utf-99")


def test_real_tables(shared_data):
    ames = read_table(str(shared_data / "ames_housing.csv.xz"), "Sale_Price")
    assert ames.X.shape == (2930, 73)
    assert ames.prepare.fit_transform(ames.X).shape == (2930, 239)
    assert said(ames, "Mas_Vnr_Type").endswith("taken as missing: 1775 empty")
    diamonds = read_table(str(shared_data / "diamonds.csv.xz"), "price")
    assert diamonds.X.dtypes.eq(np.float64).tolist() == [True, *[False] * 3, *[True] * 5]
    assert r2(diamonds) == pytest.approx(0.9196, abs=0.0005)


def test_a_byte_order_mark_is_no_part_of_the_first_name(read, houses):
    marked = houses.lines(head="price,rooms,sqm").encode("utf-8-sig")
    assert read(marked, encoding="utf-8").target == "price"
