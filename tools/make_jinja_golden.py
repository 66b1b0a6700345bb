#!/usr/bin/env python3
"""Writes tests/text/data/jinja_golden.jsonl: what Jinja2 makes of many small templates.

usage: make_jinja_golden.py [FILE]

Needs Jinja2 3.1. The environment is the one that transformers renders chat templates with. The first
line holds the variables, each other one {"template", "output"}; "error" where Jinja2 fails, "refused"
where it does not and the subset read here does. What prints addresses is left out.
"""
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "s": "Hello, World", "zh": "你好，世界", "e": "", "ws": " \n a  b\tc \n", "q": "it's \"so\" \\ \n\t\x01é\u200b",
    "n": 7, "neg": -3, "f": 2.5, "tiny": 1e-7, "big": 1e16, "t": True, "no": None,
    "l": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"], "nested": [[1, "a"], [2.0, None], []],
    "d": {"b": 1, "a": [1, 2], "items": "own", "c d": {"x": "y"}}, "o": {},
    "m": [{"role": "system", "content": " be kind "}, {"role": "user", "content": "hi"},
          {"role": "assistant", "content": "<think>\nhm\n</think>\n\nok", "calls": [{"name": "f", "args": {"a": 1}}]},
          {"role": "user", "content": "再见"}],
    "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>",
}

EXPRESSIONS = """
1 + 2 * 3 - 4 | 2 ** 3 ** 2 | 7 // 2 | -7 // 2 | 7 % -3 | -7 % 3 | 7 / 2 | 6 / 2 | 2 ** -1 | 7.5 // 2 | -7.5 % 2 | 1e3 | 1.50 | 1e16
0.1 + 0.2 | 1e-5 | 123456789.123 | 1e22 | 5 % 2.5 | -0.0 | +n | -f | --n | t + t | t * 3 | n - t | 1 / 0 | 1 // 0 | 1 % 0.0
s + zh | s * 2 | 2 * s | s * 0 | s * -1 | l + [4] | l * 2 | (1, 2) + (3,) | s + 1 | l + (1,) | s - 'a' | no + 1 | s ~ 1 ~ no ~ t ~ f ~ l
1 == 1.0 | t == 1 | 'a' == s | l == [3, 1, 2] | (1, 2) == [1, 2] | d == d | no == none | missing == missing | missing == no | 1 != 2
1 < 2 < 3 | 3 > 2 > 2 | 1 <= 1.0 | 'a' < 'b' | 'B' < 'a' | zh < s | [1, 2] < [1, 3] | (1,) < (1, 2) | 1 < 'a' | no < 1 | l < (1,) | 2 >= 2 == 2
3 in l | 9 not in l | 'ell' in s | '' in s | 'a' in d | 'zz' not in d | 1 in s | n in (7, 8) | missing in l | s in missing | [1] in d | '界' in zh
t and s | e or s | e and s | not e | not not l | not missing | no or e or 0 or 'last' | 1 if t | (1 if e) | 'x' if e else 'y' | 'a' if t else 'b' if t else 'c'
s[0] | s[-1] | zh[1] | s[99] | s[2:5] | zh[::-1] | s[::-2] | s[-3:] | s[:-7] | s[5:2] | l[::-1] | l[1:] | l[-1] | l[5] | l[::0] | l['x'] | l[1:2][0]
l[5:1:-1] | (1, 2, 3)[::2] | d['b'] | d.b | d['c d'].x | d.items | d['items'] | d.zz | d.zz.y | d['zz']['y'] | s.zz | no.x | no['x'] | n.x | d[1] | s['0']
m[0].role | m[0]['content'] | m[-1].content | m[2].calls[0].args.a | nested.0.1 | nested[1][0] | nested[0].0 | (0,).0 | range(5)[2] | range(5)[-1] | range(3)[9]
[] | [1, 'a', none, true, 1.0] | (1,) | () | (1, 2) | {} | {'a': 1, 2: 'b', none: 3} | {'a': 1, 'a': 2} | [q] | ["it's"] | ['"'] | [zh] | [missing] | {1: 1, true: 2}
'a' 'b' | "\\n\\t\\x41\\u4f60\\U0001F600\\101" | '\\d' | 'it\\'s' | "a\\\\b" | 1_0 | 007 | 0 | 00 | .5 | 1. | 1.e1 | 'open | "\\x4"
s.upper() | s.lower() | s.title() | s.capitalize() | zh.upper() | 'éà ñ'.upper() | "o'neil x1y".title() | 'ÉA'.lower() | 'ǆ'.title() | ws.strip() | ws.lstrip() | ws.rstrip()
'xxaxx'.strip('x') | 'xyaxy'.lstrip('yx') | 'aab'.rstrip('b') | zh.strip('你界') | '\\u3000a\\u3000'.strip() | s.split(',') | ws.split() | ws.split(' ') | ws.split(none, 1) | 'a,b,c'.split(',', 1)
'a,b,c'.rsplit(',', 1) | 'a'.split('') | ''.split() | ''.split(',') | 'a\\nb\\r\\nc\\n'.splitlines() | s.startswith('He') | s.endswith('ld') | s.startswith(('x', 'H')) | s.startswith(1) | 'aXbX'.replace('X', 'yy')
'aaa'.replace('a', 'b', 2) | 'ab'.replace('', '-') | 'ab'.replace('a', 1) | ', '.join(words) | ''.join(l) | '-'.join('abc') | '-'.join({'a': 1, 'b': 2}) | 'prefix'.removeprefix('pre') | 'x.y'.removesuffix('.y')
d.items() | d.keys() | d.values() | d.get('b') | d.get('zz') | d.get('zz', 5) | d.get() | d.items()|length | d.keys()|list | d.values()|list|string | d.items()|first | d.keys()|last | d.items()[0]
s.strip(1) | s.nope() | d.nope() | missing() | missing.x | missing.x() | s() | 5() | s.upper(1) | d.get(1, 2, 3) | s.split(maxsplit=1) | s.split(sep=',', maxsplit=1) | s.split(zz=1)
ws|trim | 'xax'|trim('x') | 5|trim | missing|trim | s|length | zh|length | d|count | missing|length | 5|length | no|length | l|map('string')|length | range(4)|length
words|join | words|join(', ') | l|join('-') | m|join(',', attribute='role') | 'abc'|join('.') | no|join | missing|join | l|join(1) | [1, none, true]|join(' ')
missing|default('x') | e|default('x') | e|default('x', true) | no|d('x') | missing|d | 0|default(1, boolean=true) | s|upper | s|lower | 'a b-c (d) [e'|title | "it's"|title | 'ABC'|capitalize
l|first | l|last | e|first | []|last | d|first | zh|last | missing|first | l|map('string')|last | l|list | s|list|length | 'ab'|list | d|list | 5|list | range(3)|list | (1, 2)|list
n|string | no|string | l|string | '42'|int | ' 42 '|int | '42.9'|int | 'x'|int | 'x'|int(5) | 2.9|int | -2.9|int | t|int | no|int | no|int(9) | l|int | '+5'|int | '-5'|int | '+-5'|int | ''|int | '1e2'|int | '0x1f'|int
'2.5'|float | 'x'|float | 'x'|float(1) | 3|float | no|float | ' 1e3 '|float | '.5'|float | '5.'|float | '-.5e-1'|float | missing|float | missing|int
d|items|list | o|items|list | missing|items|list | l|items|list | d|dictsort | {'b': 1, 'A': 2}|dictsort | {'b': 1, 'A': 2}|dictsort(true) | {'b': 1, 'A': 2}|dictsort(by='value') | {'b': 1, 'a': 2}|dictsort(reverse=true) | {1: 2, 'a': 3}|dictsort | l|dictsort
m|map(attribute='role')|list | m|map(attribute='zz')|list | m|map(attribute='zz', default='?')|list | words|map('upper')|list | words|map('replace', 'p', 'b')|join(',') | nested|map('length')|list | nested|map(attribute='0')|list | nested|map(attribute=0)|list | l|map|list | l|map('nope')|list
m|selectattr('role', 'equalto', 'user')|list|length | m|selectattr('calls', 'defined')|map(attribute='role')|join | m|selectattr('calls')|list|length | m|rejectattr('role', 'eq', 'user')|map(attribute='role')|list | l|select('odd')|list | l|select('gt', 1)|list | l|reject('even')|list | [0, 1, '', 'a']|select|list | [0, 1]|reject|list | m|selectattr('role', 'in', ['user', 'tool'])|list|length | missing|select|list | m|selectattr|list
'aXa'|replace('X', 'b') | 'aaa'|replace('a', 'b', 1) | 5|replace(5, 6) | 'a'|replace('a') | '<b>'|safe | 'a\\nb\\n\\nc'|indent | 'a\\nb'|indent(2) | 'a\\nb'|indent(2, true) | 'a\\n\\nb'|indent(2, blank=true) | 'a\\nb'|indent('> ') | 'a'|indent(width=3, first=true) | 5|indent
words|unique|list | words|unique(true)|list | [1, 1.0, true, 2]|unique|list | m|unique(attribute='role')|map(attribute='role')|list | l|sort | words|sort | words|sort(case_sensitive=true) | l|sort(reverse=true) | m|sort(attribute='role')|map(attribute='role')|list | [1, 'a']|sort | [[2, 1], [1, 2]]|sort | 'cab'|sort
l|reverse|list | 'abc'|reverse | zh|reverse | d|reverse|list | (1, 2)|reverse|list | 5|reverse | -5|abs | 2.5|abs | -2.5|abs | t|abs | s|abs | 2.5|round | 3.5|round | 2.675|round(2) | 42.55|round(1, 'floor') | 42.51|round(1, 'ceil') | 5|round | 5|round(1, 'floor') | s|round | 2.5|round|int
s|tojson | zh|tojson | q|tojson | l|tojson | d|tojson | nested|tojson | d|tojson(indent=2) | o|tojson(indent=2) | [[], {}]|tojson(indent=1) | d|tojson(indent=0) | zh|tojson(ensure_ascii=true) | '😀'|tojson(true) | [1.0, 1e16, 1e-7, none, true, -0.5]|tojson | {1: 2, none: 3, true: 4, 1.5: 5}|tojson | {'b': 1, 'a': 2}|tojson(sort_keys=true) | l|tojson(separators=(',', ':')) | missing|tojson | [missing]|tojson | (1, 2)|tojson | 'a/b<c>&\\x7f'|tojson | d|tojson(indent='--') | d|tojson(zz=1)
missing is defined | s is defined | no is defined | missing is undefined | d.zz is defined | d.b is defined | no is none | missing is none | s is string | n is string | n is number | t is number | f is number | s is number | t is boolean | 1 is boolean | t is true | 1 is true | false is false | e is false
d is mapping | l is mapping | l is sequence | s is sequence | d is sequence | missing is sequence | 5 is sequence | d.items() is sequence | range(2) is sequence | l is iterable | s is iterable | 5 is iterable | missing is iterable | d.items() is iterable | l|map('string') is iterable | n is integer | t is integer | f is float | n is float | range is callable | s is callable
n is odd | n is even | neg is odd | f is even | s is odd | 4 is divisibleby 2 | n is divisibleby(7) | s is equalto 'x' | n is eq 7 | n is == 7 | n is in [7] | n is in(l) | n is gt 5 | n is lt 5 | n is ge 7 | n is le 7 | n is ne 7 | s is not string | n is not in [7] | not n is odd | n is nope | n is odd and t | n is odd or e | s is string is true | n is odd + 1
range(3)|list | range(1, 4)|list | range(5, 0, -2)|list | range(0)|list | range(3) == range(3)|list | range(1.0) | range() | range(1, 2, 0) | range(100001) | 2 in range(3) | dict(a=1, b=2) | dict({'a': 1}, b=2) | dict() | dict(1) | namespace(a=1).a | namespace(a=1).b | namespace({'x': 2}).x | raise_exception('no') | nope(1)
s|nope | s|upper|lower | s|upper() | s|trim|length + 1 | -5|abs + 1 | s.split(', ')|first|upper | (s ~ '!')|length | not s|length | s|length == 12 | [s|length, 1] | {'a': s|length}.a | s.upper().lower().split('o')[1] | l|length * 2 | 'a' ~ 'b'|upper | -1|string | 'a' if s|length > 5 else 'b'
1 2 | (1 | [1, | {1} | {1: } | 1 + | + | s. | s[ | s[] | s[1, 2] | s|  | s is | if | a b | $ | s ! | 1 = 2 | {'a' 1} | f(a=1, 2) | s.1x | not | 1 if | a.b.c | ) | }
none | None | True | true | TRUE | False | self | loop | loop.index | caller | x.y is defined | d.b.c is defined | 'a' in 'abc' in 'xabc' | 1 in [1] == true | 3 == 3 in [3] | not 1 == 2 | -2 ** 2 | 2 ** 2 | -l | +s | 9223372036854775806 + 1
"""

TEMPLATES = [
    # White space.
    "a\n{% if t %}\nb\n{% endif %}\nc\n", "  {% if t %}  x  {% endif %}  y", "a {%- if t -%} b {%- endif -%} c", "a\n  {%- if t %}\n  b\n  {%- endif %}\nc",
    "{{ 1 }}\n{{ 2 }}\n", "{{ 1 -}}\n {{ 2 }}", "{{ 1 }}\n {{- 2 }}", "{# c #}\na{# d #} b", "  {# c #}\nx", "  {#- c -#}  x", "a{#+ c +#}\nb", "{%+ if t %}a{% endif +%}\nb",
    "  {%+ if t %}a{% endif %}", "x\n\n\n{%- if t %}y{% endif %}\n\n", "\r\na\rb\n{{ 1 }}\r\n", "{% if t %}\n\n a{% endif %}", "a\n\t {% set x = 1 %}\t\nb{{ x }}", "  {{ 1 }}  ", "\u3000{%- if t %}a{% endif -%}\u3000b", "{{'a'}}{{-'b'}}",
    "{% set x %}\n  a\n{% endset %}[{{ x }}]", "{{ {'a': {'b': 1}}}}", "{{ 'end\\\nless' }}", "{{ {'a': {'b': 1}} }}", "{% for i in l -%}\n{{ i }}\n{%- endfor %}", "{# a {{ b }} {% c %} #}x", "{{ '}}' }}{{ '%}' }}{% if '%}' %}y{% endif %}", "{#}#}x", "{{+ 1 }}", "{{ 1 +}}", "plain", "", "\n", "{", "{ {", "}}", "a{%", "{{ 1", "{% if", "{# x", "{{ }}", "{% %}", "{%if t%}a{%endif%}", "{% if t %}{% else %}",
    # if
    "{% if e %}a{% elif n == 7 %}b{% elif t %}c{% else %}d{% endif %}", "{% if e %}a{% elif no %}b{% else %}c{% endif %}", "{% if e %}a{% endif %}", "{% if missing %}a{% endif %}b", "{% if t and (n > 5 or e) %}y{% endif %}", "{% if 1, 0 %}y{% endif %}", "{% endif %}", "{% if t %}{% endfor %}", "{% else %}", "{% if t %}{% set x = 1 %}{% endif %}{{ x }}", "{% if e %}{% set x = 1 %}{% endif %}[{{ x }}]",
    # for
    "{% for x in l %}{{ x }},{% endfor %}", "{% for x in [] %}a{% else %}none{% endfor %}", "{% for x in l %}a{% else %}none{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }};{% endfor %}", "{% for k, v in d|dictsort %}{{ k }};{% endfor %}", "{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}", "{% for a, b in [(1,)] %}{% endfor %}", "{% for c in zh %}{{ c }}.{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in no %}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}", "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}", "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in l %}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}", "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.last }};{% endfor %}", "{% for x in l if x > 9 %}a{% else %}b{% endfor %}", "{% for x in l %}{% for y in 'ab' %}{{ x }}{{ y }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% break %}", "{% for x in l %}{% else %}{% break %}{% endfor %}", "{% for x in l|reverse %}{{ x }}{% endfor %}", "{% for x in l[::-1] %}{{ x }}{{ loop.index0 }}{% endfor %}", "{% for x in range(2, 5) %}{{ x }}{% endfor %}", "{% for x in l|map('string') %}{{ loop.last }}{{ x }}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% for x in l if t else l %}{{ x }}{% endfor %}", "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = l|map('string') %}{{ g|first }}{{ g|join }}",
    # scopes
    "{% set x = 1 %}{% for i in l %}{{ x }}{% set x = i %}{{ x }};{% endfor %}{{ x }}", "{% for i in l %}{% if loop.first %}{% set x = 5 %}{% endif %}[{{ x }}]{% endfor %}", "{% for x in l %}{% endfor %}[{{ x }}]", "{% for x in l %}{% set y = x %}{% endfor %}[{{ y }}]", "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "{% set ns = namespace() %}{% set ns.a = [1] %}{{ ns.a }}{{ ns.b }}", "{% set d.x = 1 %}", "{% set missing.x = 1 %}", "{% set x = 1, 2 %}{{ x }}", "{% set a, b = 1, 2 %}{{ a + b }}", "{% set a, b = [1] %}", "{% set x = y = 1 %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% set x %}a{{ n }}b{% endset %}{{ x|upper }}", "{% set x %}{% set y = 3 %}{{ y }}{% endset %}{{ x }}[{{ y }}]", "{% set s = s ~ '!' %}{{ s }}", "{% set x = missing %}[{{ x }}]{{ x is defined }}",
    # macro
    "{% macro f(a, b=2) %}<{{ a }}{{ b }}>{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=5, a=4) }}", "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f() }}", "{% macro f() %}{% endmacro %}{{ f(1) }}", "{% macro f(a) %}{% endmacro %}{{ f(b=1) }}", "{% macro f(a) %}{% endmacro %}{{ f(1, a=1) }}", "{{ f() }}{% macro f() %}x{% endmacro %}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{% macro f() %}{{ s }}{{ x }}{% endmacro %}{% set x = 4 %}{{ f() }}", "{% macro f() %}{% set x = 1 %}{% endmacro %}{{ f() }}[{{ x }}]", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(9) }}", "{% macro f(a=1, b) %}{% endmacro %}", "{%- macro f(x) -%} {{- x|length -}} {%- endmacro -%} {{ f('abc') + '!' }}", "{% macro f() %}a{% endmacro %}{% for i in l %}{{ f() }}{% endfor %}{{ f()|upper }}", "{% macro f(l) %}{% for x in l %}{% if loop.last %}{% break %}{% endif %}{{ x }}{% endfor %}{% endmacro %}{{ f([1, 2, 3]) }}",
    # generation, safe
    "{% generation %}a{{ n }}{% endgeneration %}b", "{% for x in l %}{% generation %}{{ x }}{% endgeneration %}{% endfor %}", "{{ '<a>' | safe }}", "{{ (s ~ '<') | safe }}",
    # chat templates in small
    "{% for x in m %}{{ '<|im_start|>' + x['role'] + '\\n' + x['content'] | trim + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
    "{%- if m[0].role == 'system' %}\n    {{- '[' + m[0].content + ']\\n' }}\n{%- endif %}\n{%- for x in m[::-1] %}\n    {%- set i = (m|length - 1) - loop.index0 %}\n    {{- i ~ x.role ~ ' ' }}\n{%- endfor %}",
    "{% for x in m %}{% if (x['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}",
    "{% if m[0]['role'] == 'system' %}{% set rest = m[1:] %}{% set sys = m[0]['content'] %}{% else %}{% set rest = m %}{% set sys = false %}{% endif %}{% for x in rest %}{% if loop.index0 == 0 and sys != false %}{% set c = '<<' + sys + '>>' + x['content'] %}{% else %}{% set c = x['content'] %}{% endif %}{% if x['role'] == 'user' %}{{ bos_token + '[I] ' + c.strip() + ' [/I]' }}{% elif x['role'] == 'assistant' %}{{ ' ' + c.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "{%- for x in m if x.role == 'assistant' %}{%- set c = x.content %}{%- if '</think>' in c %}{%- set r = c.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- set c = c.split('</think>')[-1].lstrip('\\n') %}{{- '(' ~ r ~ ')' }}{%- endif %}{{- c }}{%- if x.calls %}{%- for call in x.calls %}{{- '\\n<call>{\"name\": \"' + call.name + '\", \"args\": ' + call.args|tojson + '}</call>' }}{%- endfor %}{%- endif %}{%- endfor %}",
    # what the subset leaves out, and what nobody has
    "{% nope %}", "{% include 'x' %}", "{% extends 'x' %}", "{% do 1 %}", "{% call f() %}{% endcall %}",
]

# Of these Jinja2 makes something; they are refused by name.
REFUSED = ["{{ 1_0 }}", "{{ d.items() }}", "{{ d.keys() }}", "{{ d.values() }}", "{{ s[] }}", "{{ s[1, 2] }}", "{{ self }}", "{{ caller }}", "{{ s|wordcount }}", "{{ s.find('l') }}", "{{ l.index(1) }}", "{{ d.update }}", "{{ s is lower }}", "{{ '%d' % n }}", "{{ 'ß'.upper() }}", "{{ ('<a>'|safe) + '<' }}", "{% with %}{% endwith %}", "{% raw %}{{ 1 }}{% endraw %}", "{% for x in l recursive %}{% endfor %}", "{% filter upper %}a{% endfilter %}", "{% set x | upper %}a{% endset %}", "{{ range(*l[:1]) }}", "{{ 9223372036854775807 + 1 }}", "{{ namespace(a=1) }}", "{{ [namespace()] }}", "{{ [l|map('string')] }}", "{% macro f() %}{{ varargs }}{% endmacro %}{{ f() }}", "{% for x in l %}{% macro f() %}{% endmacro %}{% endfor %}", "{{ l|sum }}", "{{ '1_000'|int }}"]


class Generation(Extension):
    """{% generation %} as transformers has it: its block is written as it is."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_written"), [], [], body).set_lineno(line)

    def _written(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def row(env, template):
    try:
        output = env.from_string(template).render(**VARIABLES)
    except Exception:
        return {"template": template, "error": True}
    if template in REFUSED:
        return {"template": template, "refused": True}
    if " at 0x" in output:
        return None
    return {"template": template, "output": output}


def main():
    default = pathlib.Path(__file__).parent.parent / "tests" / "text" / "data" / "jinja_golden.jsonl"
    env = environment()
    # " | " parts expressions; a filter's bar has no spaces around it.
    expressions = [e for line in EXPRESSIONS.strip("\n").split("\n") for e in line.split(" | ")]
    templates = [f"{{{{ {e} }}}}" for e in expressions] + TEMPLATES + REFUSED
    rows = [{"vars": VARIABLES}] + [r for t in dict.fromkeys(templates) if (r := row(env, t))]
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    print(f"{path}: {len(rows) - 1} templates")


if __name__ == "__main__":
    main()
