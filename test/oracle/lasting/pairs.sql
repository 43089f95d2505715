/*
 * p_better of pairs against the truth, by decile: of pairs of which it says .7, the
 * lead's effect of the years observed is above the partner's in seven of ten.
 *
 * For lasting effects it promises too much, and how much too much can be derived.
 * Observed effects have variance A = var(u) + w, w that of mean v; given the
 * data, a pair's observed gap is N(m, s^2), p_better = F(m/s).  Of an observed
 * effect the share rho = var(u)/A lasts, within +- rho w: the lasting gap is
 * N(rho m, rho^2 s^2 + 2 rho w), and the chance that the lead is better for good
 *
 *     F(m / sqrt(s^2 + 2 w / rho))
 *
 * Both are a little cautious, by .003 with enough nations: what the years differ by
 * inside a school counts as pupils' noise, so that effects are shrunken by too much.
 *
 * Pairs of a nation share its schools: all standard errors are those between
 * nations.  Bounds are 3.5 of them.
 */
\set w '(:year_share * :pair_variance / 3)'
\set rho '((1 - :year_share) / (1 - :year_share + :year_share / 3))'

/*
 * From one element a nation (pairs, sum of what they promise, sum of what they keep):
 * the means, and the standard error of their difference.
 */
CREATE TYPE promise AS (n bigint, promised float8, kept float8, error float8);
CREATE FUNCTION weigh(n bigint[], promised float8[], kept float8[]) RETURNS promise IMMUTABLE
	-- of a ratio, from the nations' sums
	RETURN (SELECT (sum(k), sum(p) / sum(k), sum(q) / sum(k),
					sqrt(count(*) / (count(*) - 1.0) * sum((q - p - k * d) ^ 2)) / sum(k))::promise
			FROM (SELECT k, p, q, (sum(q) OVER () - sum(p) OVER ()) / sum(k) OVER () AS d
				  FROM unnest(n, promised, kept) x (k, p, q)) x);
CREATE FUNCTION keeps(what text, x promise) RETURNS text
	RETURN must(format('%s: of %s', what, x.n), x.kept, x.promised - 3.5 * x.error, x.promised + 3.5 * x.error);
CREATE FUNCTION keeps_not(what text, x promise) RETURNS text
	RETURN must_fail(format('%s: of %s that promise %s', what, x.n, round(x.promised::numeric, 4)), x.kept, x.promised - 3.5 * x.error);

CREATE TABLE array_of AS
SELECT rep, array_agg(s ORDER BY school) AS schools, min(school_sd) AS school_sd,
	   sipp.context_scale(array_agg(s), sector => 'any') AS scale
FROM (SELECT e.*, sipp.school(school::text, authority => authority::text, role => 'either', effect => effect, effect_se => se,
							  context => ARRAY[intake], context_names => '{intake}') AS s
	  FROM nation_effect e) e
GROUP BY rep;

-- any two schools of different authorities, in the order of their numbers: no floor, no choice
CREATE TABLE any_pair AS
SELECT a.rep, p.p_better, p.usable_gap, l.effect - a.effect AS m, sqrt(l.se ^ 2 + a.se ^ 2) AS s,
	   l.raw - a.raw AS raw_m, sqrt(l.raw_se ^ 2 + a.raw_se ^ 2) AS raw_s,
	   lt.observed - at.observed AS observed, lt.lasting - at.lasting AS lasting, g
FROM nation_effect a JOIN nation_effect l ON l.rep = a.rep AND l.school > a.school AND l.authority <> a.authority
	 JOIN truth at ON at.rep = a.rep AND at.school = a.school JOIN truth lt ON lt.rep = l.rep AND lt.school = l.school
	 JOIN array_of n ON n.rep = a.rep
	 JOIN (SELECT rep, sqrt(var_samp(effect) + avg(se ^ 2)) AS g FROM nation_effect GROUP BY rep) t ON t.rep = a.rep,
	 LATERAL sipp.pairing_score(schools[a.school], schools[l.school], scale, min_p_better => 0) p
WHERE (a.school + l.school) % :every = 0;


\echo 'pairs of schools' :reps 'nations'
SELECT must('p_better, and F(m/s) by another formula: worst difference, 1e-6', 1e6 * max(abs(p_better - below(m / s))), 0, .2),
	   must('usable_gap, and by the formula: worst difference, 1e-6', 1e6 * max(abs(usable_gap - usable(m, s, g))), 0, 1)
FROM any_pair;

-- what a pair promises and what it keeps, each way of looking at it; bins go by claim
CREATE VIEW any_look AS
SELECT rep, p_better, look, claim, promised, kept
FROM any_pair, LATERAL (VALUES
	('observed', p_better, p_better, (observed > 0)::int::float8),
	('lasting', p_better, p_better, (lasting > 0)::int),
	('lasting by theory', p_better, below(m / sqrt(s ^ 2 + 2 * :w / :rho)), (lasting > 0)::int),
	('gap', p_better, usable_gap, least(greatest(observed / g, 0), 1)),
	('lasting gap', p_better, usable_gap, least(greatest(lasting / g, 0), 1)),
	('lasting gap by theory', p_better, usable(:rho * m, sqrt(:rho ^ 2 * s ^ 2 + 2 * :rho * :w), g),
	 least(greatest(lasting / g, 0), 1)),
	('raw', below(raw_m / raw_s), below(raw_m / raw_s), (observed > 0)::int),
	('half', below(m / s * 2), below(m / s * 2), (observed > 0)::int)) v (look, claim, promised, kept);

CREATE FUNCTION decile(p float8) RETURNS float8 IMMUTABLE PARALLEL SAFE
	RETURN least(.9, trunc(p::numeric, 1))::float8;

CREATE TABLE any_decile AS
SELECT look, low, weigh(array_agg(n), array_agg(promised), array_agg(kept)) AS x
FROM (SELECT look, rep, decile(claim) AS low, count(*) AS n, sum(l.promised) AS promised, sum(l.kept) AS kept
	  FROM any_look l
	  GROUP BY 1, 2, 3) r
GROUP BY 1, 2;

\echo
\echo '  p_better of any pair | pairs   | says  | lead better in the years observed | for good | should be, by theory'
SELECT format('  %s to %s           | %s | %s | %s +- %s                  | %s    | %s', rpad(o.low::text, 3), rpad((o.low + .1)::numeric::text, 3),
			  lpad((o.x).n::text, 7), to_char((o.x).promised, '0.000'), to_char((o.x).kept, '0.000'), to_char((o.x).error, '0.000'),
			  to_char((l.x).kept, '0.000'), to_char((t.x).promised, '0.000'))
FROM any_decile o JOIN any_decile l USING (low) JOIN any_decile t USING (low)
WHERE o.look = 'observed' AND l.look = 'lasting' AND t.look = 'lasting by theory' ORDER BY low;
\echo

SELECT keeps(format('p_better %s .. %s, lead better in the years observed', low, (low + .1)::numeric), x)
FROM any_decile WHERE look = 'observed' ORDER BY low;
SELECT keeps(format('p_better %s .. %s, lead better for good, against theory', low, (low + .1)::numeric), x)
FROM any_decile WHERE look = 'lasting by theory' ORDER BY low;
SELECT keeps_not(format('p_better %s .. %s, taken for a promise for good', low, (low + .1)::numeric), x)
FROM any_decile WHERE look = 'lasting' AND low >= .7 ORDER BY low;
SELECT keeps_not(format('P with half the standard errors %s .. %s', low, (low + .1)::numeric), x)
FROM any_decile WHERE look = 'half' AND low >= .6 ORDER BY low;

CREATE TABLE any_total AS
SELECT look, weigh(array_agg(n), array_agg(promised), array_agg(kept)) AS x
FROM (SELECT look, rep, count(*) AS n, sum(promised) AS promised, sum(kept) AS kept
	  FROM any_look WHERE claim >= .8 GROUP BY 1, 2) r
GROUP BY 1;
SELECT keeps_not('P from raw effects', x) FROM any_total WHERE look = 'raw';
SELECT keeps('usable_gap of pairs above the floor', x) FROM any_total WHERE look = 'gap';
SELECT keeps('usable_gap for good, against theory', x) FROM any_total WHERE look = 'lasting gap by theory';
SELECT keeps_not('usable_gap taken for a promise for good', x) FROM any_total WHERE look = 'lasting gap';
