"""Find out who really sent a mail that came over SMTP: SPF, DKIM and what DMARC makes of them. No Django inside.

Written here and not taken from pyspf and dkimpy, since what is checked comes from strangers: dkimpy's patterns are
quadratic (20 kB of spaces in a body keep it busy for 2.5 s, a megabyte for hours) and its RSA takes keys of any size;
pyspf has had no release since January 2020 and asks DNS through a global of its module.
"""
