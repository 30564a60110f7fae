"""LibreOffice Calc by script, for the Python that has its UNO bindings (Debian: python3-uno).

    calc.py edit BOOK.xlsx EDITS.json CHANGED.xlsx   set cells, as a person would, and save
    calc.py formulas BOOK.xlsx                        recalculate, and print what every formula comes to

EDITS.json is a list of [sheet, cell, value]; text is entered as it is typed into a cell.
"""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.connection import NoConnectException
from com.sun.star.sheet.FormulaResult import STRING, VALUE
from com.sun.star.table.CellContentType import FORMULA

_FORMULAS = 16
"""com.sun.star.sheet.CellFlags.FORMULA"""


def _property(name, value):
    made = PropertyValue()
    made.Name, made.Value = name, value
    return made


def _desktop(pipe):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    for _ in range(300):
        try:
            context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
            return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        except NoConnectException:
            time.sleep(0.2)
    raise SystemExit("LibreOffice does not answer")


def edit(book, edits, target):
    for sheet, cell, value in json.loads(Path(edits).read_text()):
        place = book.Sheets.getByName(sheet).getCellRangeByName(cell)
        if isinstance(value, str):
            place.setFormula(value)
        else:
            place.setValue(value)
    book.storeToURL(Path(target).resolve().as_uri(), (_property("FilterName", "Calc MS Excel 2007 XML"),))


def formulas(book):
    book.calculateAll()
    found = []
    for name in book.Sheets.ElementNames:
        areas = book.Sheets.getByName(name).queryContentCells(_FORMULAS).Cells.createEnumeration()
        while areas.hasMoreElements():
            cell = areas.nextElement()
            assert cell.Type == FORMULA
            kind = cell.FormulaResultType2
            value = cell.Value if kind == VALUE else cell.String if kind == STRING else None
            address = cell.AbsoluteName.rpartition(".")[2].replace("$", "")
            found.append([name, address, cell.Formula, value, cell.Error])
    print(json.dumps(found))


def main():
    task, file, *rest = sys.argv[1:]
    pipe = f"simengine{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--norestore", "--nologo", f"-env:UserInstallation={Path(profile).as_uri()}"]
        office = subprocess.Popen(["soffice", *options, f"--accept=pipe,name={pipe};urp"], stdout=sys.stderr)
        try:
            desktop = _desktop(pipe)
            hidden = (_property("Hidden", True),)
            book = desktop.loadComponentFromURL(Path(file).resolve().as_uri(), "_blank", 0, hidden)
            {"edit": edit, "formulas": formulas}[task](book, *rest)
            book.close(True)
            desktop.terminate()
            office.wait(30)
        finally:
            office.kill()


main()
