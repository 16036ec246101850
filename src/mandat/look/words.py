"""Where texts become somebody's language. English is the source; a catalogue is put in here, and nowhere else.

The module functions of the standard `gettext` look at the file system and at LANGUAGE for each text: pages must
depend on neither, so the translations object is held here.
"""

from gettext import NullTranslations

_TRANSLATIONS = NullTranslations()


def gettext(message: str) -> str:
    """`message` in the reader's language; unchanged where there is no translation."""
    return _TRANSLATIONS.gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """The form of the text for `number` things; placeholders are filled by the caller."""
    return _TRANSLATIONS.ngettext(singular, plural, number)
