"""The ten Agrawal rules, one after another, as the paper's appendix lists them.

Every rule takes an applicant (attributes salary, commission, age, elevel, hvalue, hyears, loan)
and says whether they are in group A.
"""


def by_age(p, young, middle, old):
    return young if p.age < 40 else middle if p.age < 60 else old


def between(value, low, high):
    return low <= value <= high


def rule_1(p):
    return p.age < 40 or p.age >= 60


def rule_2(p):
    band = by_age(p, (50_000, 100_000), (75_000, 125_000), (25_000, 75_000))
    return between(p.salary, *band)


def rule_3(p):
    return p.elevel in by_age(p, (0, 1), (1, 2, 3), (2, 3, 4))


def rule_4(p):
    if rule_3(p):
        band = by_age(p, (25_000, 75_000), (50_000, 100_000), (50_000, 100_000))
    else:
        band = by_age(p, (50_000, 100_000), (75_000, 125_000), (25_000, 75_000))
    return between(p.salary, *band)


def rule_5(p):
    if rule_2(p):
        band = by_age(p, (100_000, 300_000), (200_000, 400_000), (300_000, 500_000))
    else:
        band = by_age(p, (200_000, 400_000), (300_000, 500_000), (100_000, 300_000))
    return between(p.loan, *band)


def rule_6(p):
    band = by_age(p, (50_000, 100_000), (75_000, 125_000), (25_000, 75_000))
    return between(p.salary + p.commission, *band)


def rule_7(p):
    return 2 * (p.salary + p.commission) / 3 - p.loan / 5 - 20_000 > 0


def rule_8(p):
    return 2 * (p.salary + p.commission) / 3 - 5_000 * p.elevel - 20_000 > 0


def rule_9(p):
    return 2 * (p.salary + p.commission) / 3 - 5_000 * p.elevel - p.loan / 5 - 10_000 > 0


def rule_10(p):
    equity = p.hvalue * (p.hyears - 20) / 10 if p.hyears >= 20 else 0
    return 2 * (p.salary + p.commission) / 3 - 5_000 * p.elevel + equity / 5 - 10_000 > 0


RULES = [rule_1, rule_2, rule_3, rule_4, rule_5, rule_6, rule_7, rule_8, rule_9, rule_10]
