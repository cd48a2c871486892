"""Prompts for the tokenizer and cleaning fixtures: many scripts, and text that trips tokenizers."""

import random

PROSE = """
A red fox trots across fresh snow at dawn, breath steaming, camera low and close.
Slow dolly-in on a lighthouse in heavy rain; the beam sweeps over black waves.
Two children fly a yellow kite on a windy beach, 35mm film grain, golden hour.
Timelapse of clouds over the Alps (4K, 24 fps), then night falls and stars appear.
An old watchmaker, 78 years old, repairs a pocket watch - macro shot, f/2.8.
The quick brown fox jumps over the lazy dog. THE QUICK BROWN FOX JUMPS!
Drone shot: a river delta at sunset, orange and teal, 8 seconds, vertical 9:16.
A paper boat floats down a gutter; raindrops, reflections of neon signs.
Une vieille dame nourrit des pigeons près de la fontaine, lumière d'été, flou léger.
Ein Fuchs läuft über die verschneite Straße; größere Flocken fallen langsam.
El niño corre detrás de la cometa, ¡qué alegría! ¿Dónde está el perro?
Một con mèo đen ngồi bên cửa sổ, ngoài trời mưa rơi nhẹ, ánh sáng ấm.
Żółta łódź płynie po jeziorze, mgła nad wodą, świt; kamera powoli się zbliża.
İstanbul'da gün batımı, vapur Boğaz'dan geçiyor, martılar uçuşuyor.
Příliš žluťoučký kůň úpěl ďábelské ódy, kamera sleduje koně zblízka.
Ljubičasto nebo iznad mora, čamac đaka plovi; žuta svjetla, šum valova.
Рыжая лиса бежит по снегу на рассвете, камера движется медленно.
Старый маяк в шторм: луч скользит по чёрным волнам, крупный план.
Дві дитини запускають повітряного змія; ґанок, їжак, єнот, вечірнє світло.
Съешь ещё этих мягких французских булок, да выпей чаю.
Стари рибар плете мрежу, ђаци гледају; љубав и њежност, ћутање.
Μια κόκκινη αλεπού τρέχει στο χιόνι την αυγή, η κάμερα ακολουθεί.
Ο παλιός φάρος μέσα στη βροχή· το φως γυρίζει πάνω από τα κύματα.
Δύο παιδιά πετούν χαρταετό στην παραλία, χρυσή ώρα, κόκκος φιλμ.
一只红狐在黎明时分穿过雪地，镜头缓慢推进。
暴雨中的灯塔，光束扫过黑色的海浪，电影感，超高清。
两个孩子在海边放风筝，夕阳，胶片颗粒。
一位老工匠正在修理怀表，特写镜头，柔和的光线。
夜晚的城市街道，霓虹灯倒映在水洼里，行人撑着伞走过。
一隻貓坐在窗邊看雨，溫暖的燈光，緩慢的鏡頭運動。
夜明けの雪原を赤い狐が走る、カメラはゆっくり近づく。
嵐の中の灯台、光が黒い波の上を回る。映画のような雰囲気。
ラーメンを食べるロボット、ネオン街、ﾊﾝｶｸｶﾅも混ざる。
桜の花びらが舞い散る京都の路地で、着物の女性が歩いている。
붉은 여우가 새벽 눈밭을 달린다, 카메라가 천천히 다가간다.
폭풍 속의 등대, 검은 파도 위로 빛이 지나간다.
바닷가에서 연을 날리는 두 아이, 노을, 필름 그레인.
ثعلب أحمر يركض على الثلج عند الفجر، والكاميرا تقترب ببطء.
منارة قديمة في العاصفة، يمر الضوء فوق الأمواج السوداء.
طفلان يطيران طائرة ورقية على الشاطئ، ساعة ذهبية، ١٢٣ ثانية.
یک روباه سرخ در سپیده‌دم از میان برف می‌گذرد، دوربین آهسته نزدیک می‌شود.
ایک بوڑھا گھڑی ساز جیبی گھڑی ٹھیک کر رہا ہے۔
שועל אדום רץ בשלג עם שחר, המצלמה מתקרבת לאט.
מגדלור ישן בסערה, האור חולף מעל הגלים השחורים.
שָׁלוֹם עוֹלָם, נִקּוּד מָלֵא בַּטֶּקְסְט.
एक लाल लोमड़ी भोर में बर्फ पर दौड़ती है, कैमरा धीरे-धीरे पास आता है।
तूफान में पुराना प्रकाशस्तंभ, काली लहरों पर प्रकाश घूमता है।
दो बच्चे समुद्र तट पर पतंग उड़ाते हैं, सुनहरी धूप, क्षेत्र, ज्ञान।
একটি লাল শিয়াল ভোরে বরফের উপর দিয়ে দৌড়ায়।
ஒரு சிவப்பு நரி விடியலில் பனியில் ஓடுகிறது.
ఒక ఎర్ర నక్క మంచు మీద పరుగెత్తుతుంది.
สุนัขจิ้งจอกแดงวิ่งข้ามหิมะยามรุ่งสาง กล้องเคลื่อนเข้าใกล้ช้าๆ
ประภาคารเก่าในพายุ แสงกวาดผ่านคลื่นสีดำ น้ำทะเล
เด็กสองคนเล่นว่าวที่ชายหาด แสงสีทอง
წითელი მელა გარბის თოვლში გამთენიისას.
Կարմիր աղվեսը վազում է ձյան վրայով լուսաբացին։
ቀይ ቀበሮ በንጋት በበረዶ ላይ ይሮጣል።
🦊 runs on ❄️ at 🌅, camera zooms 🔍 slowly 🎥✨
👩‍🚀 floats above 🌍, family 👨‍👩‍👧‍👦 waves, flags 🇫🇷🇯🇵🏴󠁧󠁢󠁳󠁣󠁴󠁿, skin tones 👍🏽👍🏿
""".strip().splitlines()

EDGES = [
    "",
    " ",
    "   \t \n  ",
    "a",
    "  leading and trailing  ",
    "many    spaces   between",
    "tab\tseparated\twords",
    "line one\nline two\r\nline three\rline four",
    "no\u00a0break\u202fspace\u2009thin\u3000wide\u200bzero\ufeffbom\u2060joiner",
    "\u2028line\u2029paragraph\u0085next\u000bvertical\u000cfeed",
    "\u1680ogham\u180emongol\u205fmath",
    "control\x00\x01\x02\x07\x08\x1b[31mred\x1b[0m\x7f\x80\x9f end",
    "\x01starts with a control character",
    "soft\u00adhyphen and\u200czwnj\u200dzwj\u200emarks\u200f\u202a\u202e",
    "▁lower one eighth block ▁ twice▁▁in words",
    "ﬁne ﬂuﬀy oﬃce ﬆyle ĳsberg ŉ Ǆ ǆ",
    "ＦＵＬＬ　ＷＩＤＴＨ　ｔｅｘｔ　１２３！？",
    "① ② ½ ¼ ² ³ ™ ℠ © ® № ㎏ ㍿ ﷺ Ⅷ ⅷ ℃",
    "ﾊﾟﾋﾟﾌﾟ ｶﾞｷﾞ ﾞ alone",
    "e\u0301 a\u030a o\u0308 n\u0303 c\u0327\u0301 \u0301alone",
    "Ａ\u030a ｅ\u0301 fullwidth with accents",
    "q\u0307\u0323 and q\u0323\u0307 and s\u0323\u0307",
    "\u1e9b\u0323 \u212b \u2126 \u00c5 \u00e5 \ufb2b",
    "각 가각 힣 ᄀ ᆨ \u1112\u1161\u11ab",
    "Z̷̢a̵l̶g̸o̷ t̴e̶x̸t̵ w̵i̸t̸h̷ ş̸̡t̵a̴c̷k̵s̶",
    "naïve café — “quoted” ‘single’ … 5′ 6″ – dash",
    "x" * 300,
    "ab" * 400,
    "漢" * 120,
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "supercalifragilisticexpialidocious" * 3,
    "1234567890 3.14159 1,000,000 10^-3 0x1F 50% $9.99 €20 £5 ¥700 ₹30",
    "https://example.org/a/b?c=d&e=f#g user@example.org @handle #hashtag",
    "snake_case camelCase kebab-case SCREAMING_CASE path/to/file.ext",
    "!!!???...,,,;;;:::---___***///\\\\\\|||~~~```^^^",
    "(parentheses) [brackets] {braces} <angles> «guillemets» 「鉤」【墨】",
    "weights (masterpiece:1.2), [low quality], {best|good}, <lora:film:0.8>",
    '{"json": [1, 2.5, null, true], "key": "value\\n"}',
    "<extra_id_0>",
    "fill <extra_id_0> and <extra_id_1> here",
    "glued<extra_id_5>words<extra_id_99>",
    "  <extra_id_2>   spaced   <extra_id_3>  ",
    "<extra_id_100> <extra_id_299> <extra_id_300> <extra_id_-1>",
    "<pad>",
    "a </s> b",
    "</s></s>",
    "<unk> known and 𒀀𒀁 unknown",
    "<s> <mask> [MASK] [CLS] <0x41> <0xE2><0x96><0x81>",
    "< /s> <pad > <PAD> <Extra_Id_0>",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒮𝒸𝓇𝒾𝓅𝓉 𝟙𝟚𝟛 𝕏",
    "𒀀𒁀𒂀 𓀀𓁐 𐎀𐎁 ᚠᚢᚦ ꙮ ⵣ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ",
    "mixed 中文 and English и русский ومعها العربية και ελληνικά",
    "no spaces中文English日本語한국어混ぜる",
    "😀😃😄😁😆😅😂🤣 faces without spaces 🏳️‍🌈🏳️‍⚧️",
    "\U0010ffff \U000e0001 \ue000 \uf8ff private",
    "\ufffd replacement \ufffe\uffff nonchars",
    "ǅ ß ẞ ı İ ſ ŉ µ Ω K",
    "ا\u0644\u0644\u0647 ﷲ ﻻ ﺑﺴﻢ tatweel ـــ",
    "क्‍ष क्‌ष श्र्य र्क ॐ",
    "กำ ทำ เเ แ ำ",
    "ちゃ ぢ づ ゔ か\u3099 は\u309a",
    "line with trailing newline\n",
    "\n\nleading newlines",
    "ends with a space ",
    "- bullet\n- list\n\t- nested",
    "camera: pan left; lens: 50 mm; mood: tense (but hopeful).",
]

MOJIBAKE = [
    "schÃ¶n und groÃŸ",
    "The Mona Lisa doesnâ€™t have eyebrows.",
    "âœ” No problems",
    "l’humanitÃ© dâ€™un cafÃ© crÃ¨me",
    "voilÃ  le travail",
    "voilÃ le travail, Ã la mode",
    "Ã la mode",
    "sÃ³",
    "à perturber la rÃ©flexion",
    "Ð¿Ñ€Ð¸Ð²ÐµÑ‚ Ð¼Ð¸Ñ€",
    "РїСЂРёРІРµС‚ РјРёСЂ",
    "Î±Î»ÎµÏ€Î¿Ï",
    "ä¸­æ–‡ æ—¥æœ¬èªž",
    "ðŸ¦Š runs ðŸ˜€",
    "â€œquotedâ€\x9d and â€œlostâ€�",
    "ã\x83\x84 &macr;\\_(ã\x83\x84)_/&macr;",
    "Ãƒâ€šÃ‚Â£5 and Ã‚Â£10 and Â£20",
    "50Â°C, 10Âµm, Â© 2024",
    "Iâ€™m fine Ñ†ð",
    "This â€“ that â€” other â€¦ more",
    "√© mac √† roman",
    "‚Äútest‚Äù",
    "â\x80\x99 control \x93quotes\x94 \x96",
    "caf\xe9 \x85 dots",
    "Ä°stanbul ÅŸehri Ã§ok gÃ¼zel",
    "Å»Ã³Å‚ta Å‚Ã³dÅº",
    "Pøstør Østergård Ærø is not mojibake",
    "AHÅ™, the new sofa from IKEA®",
    "Œuvre œ2 and Œ-x",
    "(à¹à¸à¹) à¤¹à¤¿",
    "RenÃ©e Ã‰LÃˆVE Ã€ Ãˆ",
    "NESCAFÃ‰ Ã\xa0 Ã\xad",
    "â”‚ box â”€ drawing",
    "Ã¢â‚¬â„¢ double",
    "ÃƒÂ© double Ã©",
    "only Â here",
    "a.Â  b,Â c",
    "Ø§Ù„Ø¹Ø±Ø¨ÙŠØ©",
    "×©×œ×•×",
    "à¸ªà¸§à¸±à¸ªà¸\x94à¸µ",
    "í•œêµ­ì–´",
    "\xed\xa0\xbd\xed\xb8\x80 cesu",
    "À\x80 java null é",
    "вЂ™ win1251 вЂ“ dash",
    "β€™ greek β€“",
    "ā€™ baltic",
    "fÃ cil and Ã s vezes Ã quela",
    "Ã¡\xa0Ã© Ã¡ Ã©",
    "l�Ã©t� â�� Ã?",
    "ÔÇÖ cp437? â\u0080\u0099",
]

ENTITIES = [
    "Broken text&hellip; it&#x2019;s ﬂubberiﬁc!",
    "fish &amp; chips &lt;hot&gt; &quot;tasty&quot; &apos;yes&apos;",
    "&amp;amp;lt; nested &amp;lt;b&amp;gt;",
    "&amp no semicolon &copy2024 &notit; &not it",
    "P&EACUTE;REZ BUNDESSTRA&SZLIG;E &NTILDE; &nTILDE;",
    "<b>tag keeps &eacute; in ftfy</b> &amp; html decodes",
    "&#65;&#x42;&#X43; &#0; &#x80; &#150; &#xD800; &#x110000; &#1; &#xFFFE; &#13;x",
    "&CounterClockwiseContourIntegral; &NotEqualTilde; &acE; &fjlig;",
    "&unknown; &; &# &#x; &#xg; & alone &amp",
    "&ThisNameIsLongerThanThirtyTwoCharacters; &ampersand &ampamp;",
    "first line <x\nsecond &eacute; line &eacute",
    "&#8203;zero &#160;nbsp &nbsp;&ensp;&emsp; wide",
    "&lt;3 hearts &hearts; &#9829;",
    "&#x1F98A; fox &#129418;",
]


def prompts() -> list[str]:
    """At least 200 prompts: prose, edges, and words of all prose shuffled together."""
    rng = random.Random(5)
    words = [word for line in PROSE for word in line.split()]
    mixed = []
    for _ in range(80):
        chosen = rng.sample(words, rng.randint(2, 14))
        text = "".join(word + rng.choice([" ", " ", " ", "  ", "\n", "\u3000", ", "]) for word in chosen)
        mixed.append(rng.choice([str, str.upper, str.title, str.swapcase])(text))
    return PROSE + EDGES + mixed


def dirty() -> list[str]:
    """What cleaning meets: entities, mojibake made by wrong decodings, and clean text."""
    made = []
    for line in PROSE + EDGES[:60]:
        for encoding in ["latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "macroman", "cp437"]:
            made.append(line.encode("utf-8").decode(encoding))
        made.append(line[:40].encode("utf-8").decode("sloppy-windows-1252") + " | " + line[40:])
    rng = random.Random(7)
    # Characters of mojibake thrown together: most rules of the heuristic meet some of these.
    letters = "".join(chr(i) for i in range(0x80, 0x100)) + "ŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™ВГРСвЂўΒΓΞΟβā√≈│═╬▀╣ﬁĆłğžŐ°"
    tossed = ["".join(rng.choice(letters + letters + "az AZ.,? ") for _ in range(rng.randint(2, 7))) for _ in range(350)]
    return ENTITIES + MOJIBAKE + EDGES + PROSE + rng.sample(made, 220) + tossed
