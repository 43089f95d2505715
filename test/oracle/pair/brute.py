"""Pairing problems of a few schools, by looking at everything.

A problem: units[i][j] the cost of a pair, None where it is not allowed; places of each
partner, capacity of each lead, price of an empty place, None: beyond all.
"""

import functools
import itertools
import math


def best(units, places, capacity, price):
    """(empty places, cost) of the best plan; with a price the least cost, empty places included."""
    @functools.lru_cache(maxsize=None)
    def rest(i, room):
        if i == len(units):
            return (0, 0)
        found = None
        open_leads = [j for j in range(len(room)) if room[j] > 0 and units[i][j] is not None]
        for k in range(min(places[i], len(open_leads)) + 1):
            for leads in itertools.combinations(open_leads, k):
                left = tuple(r - (j in leads) for j, r in enumerate(room))
                empty, cost = rest(i + 1, left)
                cost += sum(units[i][j] for j in leads)
                empty += places[i] - k
                one = (empty, cost) if price is None else (0, cost + price * (places[i] - k))
                found = min(found, one) if found else one
        return found
    return rest(0, tuple(capacity))


def worst_of(units, places, capacity, price, plan):
    """What each side would give up: its dearest pair, an empty place."""
    price = math.inf if price is None else price
    partner = [-math.inf if places[i] == 0 else price if len(plan[i]) < places[i] else max(units[i][j] for j in plan[i])
               for i in range(len(units))]
    lead = []
    for j, room in enumerate(capacity):
        mine = [units[i][j] for i in range(len(units)) if j in plan[i]]
        lead.append(math.inf if len(mine) < room else max(mine, default=-math.inf))
    return partner, lead


def blocking(units, places, capacity, price, plan, kept=()):
    """Pairs that would each rather have the other: {(i, j): (partner's gain, lead's)}."""
    partner, lead = worst_of(units, places, capacity, price, plan)
    found = {}
    for i, row in enumerate(units):
        for j, c in enumerate(row):
            if c is not None and j not in plan[i] and (i, j) not in kept and c < partner[i] and c < lead[j]:
                found[i, j] = (None if len(plan[i]) < places[i] else partner[i] - c,
                               None if lead[j] == math.inf else lead[j] - c)
    return found


def stable(units, places, capacity, price):
    """Schools find each other: as long as two would rather have each other, the cheapest such pair is made."""
    plan = [set() for _ in units]
    while True:
        wishes = blocking(units, places, capacity, price, plan)
        if not wishes:
            return plan
        i, j = min(wishes, key=lambda p: (units[p[0]][p[1]], p))
        if len(plan[i]) == places[i]:
            plan[i].remove(max(plan[i], key=lambda k: units[i][k]))
        mine = [k for k in range(len(units)) if j in plan[k]]
        if len(mine) == capacity[j]:
            plan[max(mine, key=lambda k: units[k][j])].remove(j)
        plan[i].add(j)


def greedy(units, places, capacity, price, order):
    """One partner after the other takes the cheapest leads that are left."""
    room = list(capacity)
    plan = [set() for _ in units]
    for i in order:
        choice = sorted((c, j) for j, c in enumerate(units[i]) if c is not None and room[j] > 0)
        for c, j in choice[:places[i]]:
            if price is None or c < price:
                plan[i].add(j)
                room[j] -= 1
    return plan
