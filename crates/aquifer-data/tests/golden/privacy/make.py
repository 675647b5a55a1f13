"""Goldens of the privacy rule.

    python make.py addresses > addresses.json     # datatrove 0.10.1, Python 3.11
    python make.py chinese > chinese.txt          # check digits computed here

`addresses.json` has texts and what datatrove's PIIFormatter makes of each, its replacements begun anew. `chinese.txt` has a text a
line in which what should be found is marked `⟦column|piece⟧`; lines without marks are near-misses.
"""

import itertools
import json
import random
import sys

NAMES = ["ann", "a.b", "a..b", ".a", "a.", "x+y", "a_b-c", "o'neil", "{x}", "é", "小明", "a²b", "a\u0301b", "-a", "/a", "a/b", "1", "A1.B2.c", "_", "=", "a@b"]
HOSTS = ["b.cn", "b", "b.c", "mail.example.com", "b-.c", "-b.c", "b..c", "b.c.", "b.c-d", "b_c.d", "例子.中国", "[1.2.3.4]", "[1.2.3.300]", "[1.2.3.x:]", "[a]", "B.C1.d2e"]
NUMBERS = ["1.2.3.4", "8.8.8.8", "256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.04", "255.255.255.255", "10.1.2.3", "100.64.0.1", "100.128.0.1", "127.0.0.1"]
NUMBERS += ["169.254.9.9", "169.253.9.9", "172.15.0.1", "172.16.0.1", "172.32.0.1", "192.0.0.7", "192.0.0.8", "192.0.0.170", "192.0.0.172", "192.0.2.3"]
NUMBERS += ["192.168.0.1", "192.169.0.1", "198.17.0.1", "198.18.0.1", "198.20.0.1", "198.51.100.1", "203.0.113.9", "223.1.1.1", "224.0.0.1", "240.0.0.1", "0.1.2.3"]
NUMBERS += ["1.2.3.4.5", "1.2.3.4.5.6.7.8", "v1.2.3.4a", "1.2.3.256", "1.2.3.2555", "1111.2.3.4", "９.2.3.4", "1.2.3.٤", "a1.2.3.4@b.cn", "1.2.3.4@b.cn"]
AROUND = ["%s", "mail %s now", "(%s)", "请写信给%s。", "mailto:%s?x", "é%s", "a%s.", "<%s>, <%s>", "%s%s", "+%s-", "²%s²"]


def addresses():
    from datatrove.pipeline.formatters import PIIFormatter

    choose = random.Random(5)
    emails = [f"{name}@{host}" for name, host in itertools.product(NAMES, HOSTS)]
    texts = [form.replace("%s", email) for email in choose.sample(emails, 160) for form in choose.sample(AROUND, 2)]
    texts += [form.replace("%s", number) for number in NUMBERS for form in choose.sample(AROUND, 2)]
    texts += [" ".join(choose.choices(emails + NUMBERS, k=6)) for _ in range(60)]
    print("[")
    print(",\n".join(json.dumps([text, PIIFormatter().format(text)], ensure_ascii=False) for text in texts))
    print("]")


def card(first):
    """An identity card's number from its first 17 digits."""
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, weights)) % 11]


def other_check(number):
    return number[:-1] + ("0" if number[-1] != "0" else "1")


def chinese():
    rows = ["# Found is what is marked; lines without a mark are near-misses. All numbers and names are made up."]
    firsts = ["11010119900307123", "44030620001231045", "31011519850615987", "65010419770228001", "50010320040229112", "82000019991111333"]
    firsts += ["33010219600101777", "21021119731005246", "12010119881230459", "46010819951120318", "61011320110909001", "71000019700707070"]
    cards = [card(first) for first in firsts]
    around = ["身份证号：%s，谢谢", "我的身份证是%s。", "%s", "（%s）", "ID %s", "证件号码 %s 有效"]
    rows += [form % f"⟦id_cards|{number}⟧" for form, number in zip(itertools.cycle(around), cards)]
    last_x = next(card(f"11010119900307{n:03d}") for n in range(1000) if card(f"11010119900307{n:03d}")[-1] == "X")
    rows += [f"身份证{mark}" for mark in (f"⟦id_cards|{last_x}⟧", f"⟦id_cards|{last_x.lower()}⟧")]
    rows += ["老身份证号码⟦id_cards|110101680307123⟧", "15位：⟦id_cards|440306851231045⟧。"]
    rows += [form % other_check(number) for form, number in zip(itertools.cycle(around), cards)]  # a wrong check digit
    wrong = ["11010119900231123", "11010119901301123", "11010118990307123", "11010121000307123", "50010320030229112"]  # no such day
    wrong += ["99010119900307123", "16010119900307123"]  # no such province
    rows += [f"编号{card(first)}" for first in wrong]
    rows += [f"订单A{cards[0]}", f"{cards[1]}B", f"{cards[2]}1", f"0{cards[3]}", f"{cards[4]}-01", f"x_{cards[5]}", f"3.{cards[6]}"]
    rows += ["银行卡6222021234567890123", "IMEI 861234567890123", "条码6901234567892", "110101681307123", "110101680332123"]
    mobiles = ["13812345678", "14512345678", "15098765432", "16612345678", "17712345678", "18900001111", "19912345678", "138-1234-5678", "138 1234 5678"]
    mobiles += ["+8613812345678", "+86 13812345678", "+86-138-1234-5678", "008613812345678", "8613812345678", "86 138 1234 5678"]
    around = ["电话%s", "手机：%s（张先生）", "请拨打%s。", "%s", "联系人李某 %s，", "tel:%s"]
    rows += [form % f"⟦mobiles|{number}⟧" for form, number in zip(itertools.cycle(around), mobiles)]
    rows += ["12812345678", "1381234567", "138123456789", "0.13812345678", "13812345678.5", "a13812345678", "13812345678b", "138-12345-678"]
    rows += ["价格13812345678901元", "13812345678_1", "id=x13812345678", "138 12345678", "2013812345678", "圆周率3.13812345678"]
    landlines = ["010-65529988", "021-6552 9988", "0571-88997766", "0755-8899776", "(010)65529988", "（0571）88997766", "(0755) 26001234"]
    landlines += ["+86-10-65529988", "0086 571 88997766", "010-65529988-801", "0571-88997766转123", "029-8765-4321"]
    rows += [form % f"⟦landlines|{number}⟧" for form, number in zip(itertools.cycle(["电话：%s", "传真%s。", "Tel%s", "%s（总机）"]), landlines)]
    rows[-12:] = [row.replace("Tel⟦landlines|0", "Tel ⟦landlines|0") for row in rows[-12:]]
    rows += ["400-820-8820", "800-810-1234", "010-12345678", "010-6552998", "0571-889977", "065529988", "2010-65529988", "011-65529988-", "1010-65529988"]
    rows += ["2020-10-12", "第010-123号", "0571 88997766", "ISBN 978-7-111-40701-0", "010-65529988x", "0.010-65529988"]
    names = ["xiaoming123", "wx_2020-ab", "Abcdef", "zhang-san_88", "a12345", "abcdefghijklmnopqrst"]
    words = ["微信：%s", "微信号%s，", "加微信号：%s", "我的微信是%s。", "vx:%s", "VX：%s", "WeChat ID: %s", "v信号%s", "薇信：%s", "weixin:%s", "加微%s"]
    rows += [form % f"⟦wechat|{name}⟧" for form, name in zip(words, itertools.cycle(names))]
    rows += ["微信支付android版", "微信：12345", "微信号：abc", "微信：abcdefghijklmnopqrstu", "avx:abcdefg", "微信：example.com", "微信公众平台developers"]
    rows += ["wx abcdefg", "微信是什么", "加微波炉", "vx-abcdefg", "微信：1abcdef", "用wechatpay付款", "微信：小明abcdef"]
    numbers = ["12345", "987654321", "10000000001", "1234567890"]
    words = ["QQ：%s", "qq:%s，", "QQ号%s", "QQ群：%s", "扣扣：%s。", "我的QQ是%s", "QQ号码：%s", "企鹅号：%s", "加QQ群%s"]
    rows += [form % f"⟦qq|{number}⟧" for form, number in zip(words, itertools.cycle(numbers))]
    rows += ["QQ2013正式版", "QQ：1234", "QQ：012345", "qq:123456789012", "xqq:12345", "QQ空间12345", "QQ：12345a", "用户12345678"]
    print("\n".join(rows))


{"addresses": addresses, "chinese": chinese}[sys.argv[1]]()
