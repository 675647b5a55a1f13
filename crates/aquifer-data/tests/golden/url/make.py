"""Goldens of hosts and registered domains: tldextract 5.4.0 with the list it carries.

    python make.py > hosts.json       # rows of address, registered domain, whole name
"""

import itertools
import json

import tldextract

extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
HOSTS = ["example.com", "forums.bbc.co.uk", "A.B.Example.COM", "waiterrant.blogspot.com", "localhost", "127.0.0.1", "co.uk", "例子。中国.", "x.y.ck", "www.ck", "ck", "a.b.c.ck"]
HOSTS += ["city.kobe.jp", "a.city.kobe.jp", "b.kobe.jp", "a.b.kobe.jp", "c.a.b.kobe.jp", "aichi.jp", "x.aichi.jp", "a.x.aichi.jp", "foo.unknowntld", "example.com.", "..com"]
HOSTS += [".example.com", "a..com", "com", "", "xn--fiqs8s", "b.a.xn--fiqs8s", "a.xn--55qx5d.cn", "a.公司.cn", "İ.com", "s3.amazonaws.com", "x.github.io", "[::1]", "1.2.3.4.5", "user.name.com.cn", "a_b.org"]
FORMS = ["http://%s/path?x#y", "//user:pw@%s:80/", "%s", "ftp://%s", "ht tp://%s/a", "https:/%s/a", "%s?q=//z.org", "http://u@v@%s#f"]
urls = [form % host for host, form in itertools.product(HOSTS, FORMS[:4])] + [form % host for host, form in itertools.product(HOSTS[:6], FORMS[4:])]
rows = []
for url in urls:
    found = extract(url)
    rows.append([url, found.top_domain_under_public_suffix, found.fqdn])
print("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]")
