//! Single-byte encodings in which UTF-8 is commonly misread.
//!
//! Bytes without a character in a "sloppy" one are the control character of their number, and the
//! replacement character is byte 1A. Reference: `ftfy.bad_codecs.sloppy`, WHATWG Encoding.

/// The character that no encoding has.
pub(super) const REPLACEMENT: char = '\u{fffd}';
/// The byte that stands for [`REPLACEMENT`] in sloppy encodings.
const SUBSTITUTE: u8 = 0x1a;

pub(super) struct Charmap {
    /// Of the bytes 80 to FF.
    high: &'static str,
    pub sloppy: bool,
    /// Spaces are no lost no-break spaces here, where that byte is a dagger.
    pub keeps_spaces: bool,
}

impl Charmap {
    const fn sloppy(high: &'static str) -> Self {
        Self {
            high,
            sloppy: true,
            keeps_spaces: false,
        }
    }

    const fn exact(high: &'static str) -> Self {
        Self {
            high,
            sloppy: false,
            keeps_spaces: false,
        }
    }

    /// The character of a byte.
    pub(super) fn decode(&self, byte: u8) -> char {
        match byte {
            SUBSTITUTE if self.sloppy => REPLACEMENT,
            0..0x80 => char::from(byte),
            _ => {
                let c = self.high.chars().nth(usize::from(byte - 0x80));
                c.unwrap_or(REPLACEMENT)
            }
        }
    }

    /// The byte of a character, if it has one.
    pub(super) fn encode(&self, c: char) -> Option<u8> {
        match c {
            REPLACEMENT if self.sloppy => Some(SUBSTITUTE),
            '\u{1a}' if self.sloppy => None,
            '\0'..='\u{7f}' => Some(c as u8),
            _ => {
                let place = self.high.chars().position(|other| other == c)?;
                u8::try_from(place + 0x80).ok()
            }
        }
    }

    /// The bytes of a text, if all of its characters have one.
    pub(super) fn encode_all(&self, text: &str) -> Option<Vec<u8>> {
        text.chars().map(|c| self.encode(c)).collect()
    }
}

/// In the order in which they are tried; the first is Latin-1.
pub(super) const ALL: [&Charmap; 10] = [
    &LATIN_1,
    &WINDOWS_1252,
    &WINDOWS_1251,
    &WINDOWS_1250,
    &WINDOWS_1253,
    &WINDOWS_1254,
    &WINDOWS_1257,
    &ISO_8859_2,
    &MAC_ROMAN,
    &CODE_PAGE_437,
];

/// How many of [`ALL`] place letters where Latin-1 does.
pub(super) const LIKE_LATIN_1: usize = 7;

pub(super) const LATIN_1: Charmap = Charmap::exact(
    "\
    \u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\
    \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
    ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
    àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ\
",
);

pub(super) const WINDOWS_1252: Charmap = Charmap::sloppy(
    "\
    €\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ\
    \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
    ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß\
    àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ\
",
);

const WINDOWS_1251: Charmap = Charmap::sloppy(
    "\
    ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\
    \u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї\
    АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ\
    абвгдежзийклмнопрстуфхцчшщъыьэюя\
",
);

const WINDOWS_1250: Charmap = Charmap::sloppy(
    "\
    €\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź\
    \u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙\
",
);

const WINDOWS_1253: Charmap = Charmap::sloppy(
    "\
    €\u{81}‚ƒ„…†‡\u{88}‰\u{8a}‹\u{8c}\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}\u{9d}\u{9e}\u{9f}\
    \u{a0}΅Ά£¤¥¦§¨©ª«¬\u{ad}®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏ\
    ΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήί\
    ΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ\
",
);

const WINDOWS_1254: Charmap = Charmap::sloppy(
    "\
    €\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}\u{9e}Ÿ\
    \u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿\
    ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞß\
    àáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ\
",
);

const WINDOWS_1257: Charmap = Charmap::sloppy(
    "\
    €\u{81}‚\u{83}„…†‡\u{88}‰\u{8a}‹\u{8c}¨ˇ¸\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}¯˛\u{9f}\
    \u{a0}¡¢£¤¥¦§Ø©Ŗ«¬\u{ad}®Æ°±²³´µ¶·ø¹ŗ»¼½¾æ\
    ĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽß\
    ąįāćäåęēčéźėģķīļšńņóōõö÷ųłśūüżž˙\
",
);

const ISO_8859_2: Charmap = Charmap::exact(
    "\
    \u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}\
    \u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žż\
    ŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢß\
    ŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙\
",
);

const MAC_ROMAN: Charmap = Charmap {
    keeps_spaces: true,
    ..Charmap::exact(
        "\
    ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü\
    †°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
    ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ\
    ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ\
",
    )
};

const CODE_PAGE_437: Charmap = Charmap::exact(
    "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
    áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}\
",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_a_character_of_its_own() {
        for (i, map) in ALL.iter().enumerate() {
            assert_eq!(map.high.chars().count(), 128, "map {i}");
            for byte in 0..=255 {
                assert_eq!(map.encode(map.decode(byte)), Some(byte), "map {i}");
            }
        }
    }
}
