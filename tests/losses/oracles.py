"""Independent float64 oracles: the papers' equations over all pairs, in NumPy, for small problems.

Nothing here shares code or method with rankdet.losses. Gradients are of the loss by the logits.
"""

import numpy as np


def step(x, delta):
    """Eq. A.43, or [x >= 0] at delta 0."""
    if delta == 0:
        return (x >= 0).astype(float)
    return np.clip(x / (2 * delta) + 0.5, 0, 1)


def sigmoid(x):
    return np.exp(-np.logaddexp(0, -x))


def split(logits, labels):
    logits = np.asarray(logits, float)
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    return logits, positive, negative, logits[positive], logits[negative]


def above(scores, others, delta):
    """H(x_ij) with x_ij = s_j - s_i for each positive i (row)."""
    return step(others[None, :] - scores[:, None], delta)


def ranks(scores, negatives, delta):
    """Eq. 3: rank⁺ and FP of each positive, and the steps they are sums of."""
    false = above(scores, negatives, delta)
    among = above(scores, scores, delta)
    np.fill_diagonal(among, 0)
    return 1 + among.sum(1), false.sum(1), among, false


def update(size, positive, negative, excess, false, normaliser):
    """Algorithm 1 with p(j|i) = H_ij / FP_i: Δx_ij = -excess_i p(j|i), then Eq. 5."""
    total = false.sum(1, keepdims=True)
    share = np.divide(false, total, out=np.zeros_like(false), where=total > 0)
    delta_x = -excess[:, None] * share
    gradient = np.zeros(size)
    gradient[positive] = delta_x.sum(1) / normaliser
    gradient[negative] = -delta_x.sum(0) / normaliser
    return gradient


def ap(logits, labels, delta, interpolate):
    logits, positive, negative, s, n = split(logits, labels)
    if not len(s):
        return 0.0, np.zeros_like(logits)
    rank_p, fp, _, false = ranks(s, n, delta)
    precision = rank_p / (rank_p + fp)
    if interpolate:  # the best precision among positives of the same or a lower score
        precision = np.array([precision[s <= s[i]].max() for i in range(len(s))])
    loss = 1 - precision.mean()
    return loss, update(len(logits), positive, negative, 1 - precision, false, len(s))


def alrp(logits, labels, errors, delta, eps, zero=False):
    """Returns loss_cls, its gradient, loss_loc, and the soft-sampling weights of A.46."""
    logits, positive, negative, s, n = split(logits, labels)
    size, count = len(logits), len(s)
    if not count:
        return 0.0, np.zeros(size), 0.0, np.zeros(0)
    rank_p, fp, among, false = ranks(s, n, delta)
    rank = rank_p + fp
    current = (fp + errors + (among * errors[None, :]).sum(1)) / rank  # Eq. 10
    target = np.zeros(count) if zero else errors / rank  # Eq. 12
    resting = fp <= eps
    excess = np.where(resting, 0, current - target)
    gradient = update(size, positive, negative, excess, false, count)
    if zero:  # G.3: pushed although no negative is above
        gradient[positive] = -(current - target) / count
    order = np.argsort(-s, kind="stable")
    weights = np.zeros(count)
    for place, k in enumerate(order):
        weights[k] = sum(1 / rank[i] for i in order[place:]) / count
    return (fp / rank).mean(), gradient, (weights * errors).sum(), weights


def rank_sort(logits, targets, delta, eps=1e-10):
    """Returns ranking, sorting and their gradients, Eq. S4-S16."""
    targets = np.asarray(targets, float)
    logits, positive, negative, s, n = split(logits, np.sign(targets))
    size, count = len(logits), len(s)
    if not count:
        return 0.0, 0.0, np.zeros(size), np.zeros(size)
    y = targets[positive]
    among, false = above(s, s, delta), above(s, n, delta)
    fp = false.sum(1)
    ranking = fp / (fp + among.sum(1))
    by_ranking = update(size, positive, negative, ranking, false, count)
    sorting, by_sorting = np.zeros(count), np.zeros(size)
    for i in range(count):
        current = (among[i] * (1 - y)).sum() / among[i].sum()
        keep = among[i] * (y >= y[i])
        loss = current - (keep * (1 - y)).sum() / keep.sum()
        blamed = among[i] * (y < y[i])
        if blamed.sum() > eps:
            sorting[i] = loss
            by_sorting[positive] += loss * blamed / blamed.sum() / count
            by_sorting[positive[i]] -= loss / count
    return ranking.mean(), sorting.mean(), by_ranking, by_sorting


def ndcg(logits, labels, delta):
    logits, positive, negative, s, n = split(logits, labels)
    if not len(s):
        return 0.0, np.zeros_like(logits)
    rank_p, fp, _, false = ranks(s, n, delta)
    gain = 1 / np.log2(1 + rank_p + fp)
    largest = sum(1 / np.log2(1 + i) for i in range(1, len(s) + 1))
    excess = np.where(fp > 0, (1 - gain) / largest, 0)
    gradient = update(len(logits), positive, negative, excess, false, 1)
    return 1 - gain.sum() / largest, gradient


def ape(logits, labels, ious, scale, max_negatives):
    logits, positive, negative, s, n = split(logits, labels)
    gradient = np.zeros(len(logits))
    if not len(s):
        return 0.0, gradient
    keep = np.argsort(-n, kind="stable")[:max_negatives]
    negative, n = negative[keep], n[keep]
    loss, count = 0.0, 0
    for u in range(len(s)):
        window = 4 / scale
        near_n, near_p = n > s[u] - window, s > s[u] - window
        worse = near_p & (ious < ious[u])
        if not (near_n.any() or worse.any()):
            continue
        count += 1
        rank = sigmoid(scale * (n - s[u]))[near_n].sum()
        rank += sigmoid(scale * (s - s[u]))[near_p].sum()
        for places, mask, values in ((negative, near_n, n), (positive, worse, s)):
            x = scale * (values - s[u])
            loss += ious[u] / rank / scale * np.logaddexp(0, x)[mask].sum()
            pull = np.where(mask, ious[u] / rank * sigmoid(x), 0)
            gradient[places] += pull
            gradient[positive[u]] -= pull.sum()
    return loss / max(count, 1), gradient / max(count, 1)


def pairwise(logits, labels, distance, balance, delta, scale):
    logits, positive, negative, s, n = split(logits, labels)
    if not len(s):
        return 0.0, np.zeros_like(logits)
    valid = n >= s.min() - delta
    negative, n = negative[valid], n[valid]
    x, x_p = n[None, :] - s[:, None], s[None, :] - s[:, None]
    if distance == "step":
        soft, soft_p = step(x, delta), step(x_p, delta)
    else:
        soft, soft_p = sigmoid(scale * x), sigmoid(scale * x_p)
    np.fill_diagonal(soft_p, 0)
    constant = 1 + soft_p.sum(1) + soft.sum(1) if balance == "rank" else max(len(n), 1)
    if distance == "cross_entropy":
        error = (np.logaddexp(0, scale * x) / scale).sum(1) / constant
        pull = soft.sum(1) / constant
    else:
        error = soft.sum(1) / constant
        if balance == "rank":
            error = np.array([error[s <= s[i]].min() for i in range(len(s))])
        pull = error
    return error.mean(), update(len(logits), positive, negative, pull, soft, len(s))
