-- Pairing: who should partner whom, why, and the proof.

SET search_path = warehouse;
SET client_min_messages = warning;

\echo 'Every school as pairing sees it.  Its effect over five years and the conditional'
\echo 'standard error come from the national model (first page); the trend is the slope of'
\echo 'its five yearly raw effects, whose error counts pupils and what differs between the'
\echo 'years of one school.  The role is what this evidence makes of a school; whether it'
\echo 'takes part in that role is its own choice:'
CREATE TABLE yearly AS
SELECT c.school_id, c.year, e.raw_effect, s.pupil_variance / e.pupils AS sampling
FROM (SELECT school_id, year, sipp.cohort(tariff, simd_decile::text, sex, asn, prior, year::text) AS cohort
	  FROM leaver GROUP BY school_id, year) c, national m,
	 LATERAL sipp.effect(c.cohort, m.model, false) e, LATERAL sipp.fit_summary(m.model) s;

CREATE TABLE evidence AS
WITH line AS (
	SELECT school_id, regr_slope(raw_effect, year) AS trend, regr_sxx(raw_effect, year) AS sxx, avg(year) AS mean_year,
		   (1 - regr_r2(raw_effect, year)) * regr_syy(raw_effect, year) AS residual, count(*) - 2 AS df, avg(sampling) AS sampling
	FROM yearly GROUP BY school_id
), years AS (	-- variance between the years of a school, beyond chance
	SELECT greatest(0, sum(residual) / sum(df) - sum(df * sampling) / sum(df)) AS variance FROM line
)
SELECT e.school_id, e.effect, e.conditional_se, e.attainment, e.expected, t.trend, t.trend_se, sqrt(s.school_variance) AS school_sd,
	   percent_rank() OVER (ORDER BY e.attainment) AS attainment_pct,
	   percent_rank() OVER (ORDER BY e.expected) AS intake_pct
FROM effect e, national m, LATERAL sipp.fit_summary(m.model) s,
	 LATERAL (SELECT l.trend, sqrt(sum((y.year - l.mean_year) ^ 2 * (v.variance + y.sampling))) / l.sxx AS trend_se
			  FROM line l JOIN yearly y USING (school_id), years v
			  WHERE school_id = e.school_id GROUP BY l.trend, l.sxx) t;

CREATE TABLE candidate AS
SELECT s.*, e.effect, e.conditional_se, e.attainment_pct, e.intake_pct, r.role
FROM school s JOIN evidence e USING (school_id),
	 LATERAL (SELECT sipp.pairing_role(effect, conditional_se, attainment_pct, intake_pct, trend, trend_se, school_sd) AS role) r;

SELECT role, count(*) AS schools, count(*) FILTER (WHERE consents) AS consent, round(avg(effect)) AS mean_effect,
	   round(avg(100 * attainment_pct)) AS attainment_pct, round(avg(100 * intake_pct)) AS intake_pct,
	   round(avg(pct_fsm)::numeric, 1) AS pct_fsm, sum(support_capacity) FILTER (WHERE consents AND role = 'lead') AS places
FROM candidate GROUP BY role ORDER BY mean_effect DESC;

\echo 'The national plan: a lead in another authority for every partner and coasting'
\echo 'school, within 150 km, alike in deprivation profile and size (free meals and support'
\echo 'needs would only say once more what the profile says):'
CREATE TABLE nation AS
SELECT ARRAY(SELECT sipp.school(id => name, sector => sector, authority => authority, role => role, consent => consents, effect => effect,
								effect_se => conditional_se, context => ARRAY[ln(roll)],
								context_names => '{size}', deprivation => simd_decile_shares, lat => lat, lon => lon,
								capacity => support_capacity)
			 FROM candidate) AS schools;
CREATE TABLE pairing AS
SELECT sipp.pairing_plan(schools, max_km => 150) AS plan FROM nation;

SELECT s.partners, s.leads, s.capacity, s.paired, s.unpaired, s.ineligible, round(s.total_cost::numeric, 2) AS total_cost,
	   round(s.mean_score::numeric, 3) AS mean_score, s.certified, s.blocking_pairs, s.pairs_priced,
	   round(s.target_gap) AS target_gap
FROM pairing, LATERAL sipp.plan_summary(plan) s;
SELECT n AS notice FROM pairing, LATERAL sipp.plan_summary(plan) s, LATERAL unnest(s.notices) n;

\echo 'The coasting schools and whom they learn from (score: weighted geometric mean of the'
\echo 'parts; similarity .5 is as alike as a school and its tenth neighbour):'
SELECT x.partner, x.lead, round(x.score::numeric, 2) AS score, round(x.similarity::numeric, 2) AS similarity,
	   round(x.usable_gap::numeric, 2) AS usable_gap, round(x.p_better::numeric, 2) AS p_better, round(x.km) AS km
FROM pairing, LATERAL sipp.pairs(plan) x
WHERE x.role = 'coasting' AND x.lead IS NOT NULL ORDER BY x.score DESC LIMIT 8;

\echo 'The most deprived of the other partners, with what each part costs (the losses add'
\echo 'up to the cost, exp(-cost) is the score):'
SELECT x.partner, round(c.pct_fsm::numeric) AS fsm, x.lead, round(l.pct_fsm::numeric) AS fsm_lead, round(x.score::numeric, 2) AS score,
	   round((x.losses->>'similarity')::numeric, 2) AS similarity, round((x.losses->>'gap')::numeric, 2) AS gap,
	   round((x.losses->>'travel')::numeric, 2) AS travel
FROM pairing, LATERAL sipp.pairs(plan) x JOIN candidate c ON c.name = x.partner JOIN candidate l ON l.name = x.lead
WHERE x.role = 'partner' ORDER BY c.pct_fsm DESC LIMIT 8;

\echo 'The runner-up of three of them.  A negative margin: the school would rather have the'
\echo 'runner-up, who is better used elsewhere:'
(SELECT x.partner, x.lead, round(x.cost::numeric, 3) AS cost, x.runner_up, round(x.margin::numeric, 3) AS margin
 FROM pairing, LATERAL sipp.pairs(plan) x WHERE x.margin IS NOT NULL ORDER BY x.margin LIMIT 1)
UNION ALL
(SELECT x.partner, x.lead, round(x.cost::numeric, 3), x.runner_up, round(x.margin::numeric, 3)
 FROM pairing, LATERAL sipp.pairs(plan) x WHERE x.margin IS NOT NULL ORDER BY abs(x.margin), x.partner LIMIT 1)
UNION ALL
(SELECT x.partner, x.lead, round(x.cost::numeric, 3), x.runner_up, round(x.margin::numeric, 3)
 FROM pairing, LATERAL sipp.pairs(plan) x WHERE x.margin IS NOT NULL ORDER BY x.margin DESC LIMIT 1)
ORDER BY margin;

\echo 'The scheme is voluntary: two schools who would each rather have the other than what'
\echo 'the plan gives them, by their joint gain:'
SELECT b->>'partner' AS partner, b->>'lead' AS lead, round((b->>'partner_gain')::numeric, 2) AS partner_gain,
	   round((b->>'lead_gain')::numeric, 2) AS lead_gain
FROM pairing, LATERAL sipp.plan_summary(plan) s, LATERAL jsonb_array_elements(s.blocking) b LIMIT 3;

\echo 'And the five pairs of lowest score, with the part that costs most.  As many schools'
\echo 'as possible are paired; unpaired_cost or min_score would leave such pairs out:'
SELECT w->>'partner' AS partner, w->>'lead' AS lead, round((w->>'score')::numeric, 3) AS score, w->>'weakest' AS weakest
FROM pairing, LATERAL sipp.plan_summary(plan) s, LATERAL jsonb_array_elements(s.worst) w;

\echo 'Why schools wait for a lead, or take no part: the evidence gives them no role (role'
\echo 'none), or it gives them one to which they have not consented:'
SELECT CASE WHEN x.place IS NULL THEN 'takes no part' ELSE 'waits for a lead' END AS school,
	   regexp_replace(x.reason, ' \((nearest|best).*', '') AS reason, count(*) AS schools
FROM pairing, LATERAL sipp.pairs(plan) x WHERE x.reason IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2;

\echo 'Some that wait, and what would change that:'
CREATE TEMP TABLE waiting AS
SELECT x.partner, x.reason, x.relaxation FROM pairing, LATERAL sipp.pairs(plan) x
WHERE x.lead IS NULL AND x.relaxation IS NOT NULL;
SELECT * FROM waiting ORDER BY relaxation LIMIT 5;

\echo 'Tried: the last plan once more under the relaxation of the first of them:'
SELECT partner, relaxation,
	   coalesce(substring(relaxation from 'max_km >= ([0-9.]+)'), '150') AS km,
	   coalesce(substring(relaxation from 'min_similarity <= ([0-9.]+)'), '0.2') AS similarity,
	   coalesce(substring(relaxation from 'min_p_better <= ([0-9.]+)'), '0.8') AS p,
	   coalesce(substring(relaxation from 'one more place at (.+)'), '') AS at,
	   coalesce(substring(relaxation from 'authority => ''(.+)'''), 'different') AS authority
FROM waiting ORDER BY relaxation LIMIT 1 \gset first_
SELECT x.partner, x.lead, round(x.score::numeric, 2) AS score, round(x.p_better::numeric, 2) AS p_better, round(x.km) AS km
FROM (SELECT sipp.pairing_plan(
				 ARRAY(SELECT sipp.school(id => name, sector => sector, authority => authority, role => role, consent => consents, effect => effect,
										  effect_se => conditional_se, context => ARRAY[ln(roll)],
										  context_names => '{size}', deprivation => simd_decile_shares, lat => lat, lon => lon,
										  capacity => support_capacity + (name = :'first_at')::int)
					   FROM candidate),
				 authority => :'first_authority', max_km => :first_km, min_similarity => :first_similarity, min_p_better => :first_p) AS plan) p, LATERAL sipp.pairs(plan) x
WHERE x.partner = :'first_partner';

\echo 'The certificate.  Nobody needs to trust the solver: for every allowed pair the prices'
\echo 'of partner and lead may not add to more than its cost, none may be above 0 or above'
\echo 'that of an empty place, and all prices together must be worth what the plan costs.'
\echo 'One join over all pairs checks it; a plan with one price changed fails:'
CREATE TEMP TABLE allowed AS
SELECT p.name AS partner, l.name AS lead, round(100000 * s.cost) AS units
FROM nation, LATERAL sipp.context_scale(schools) scale,
	 LATERAL (SELECT c.name, n AS school FROM unnest(schools) n, LATERAL (SELECT n::jsonb->>'id' AS name, n::jsonb->>'role' AS role) c
			  WHERE c.role IN ('partner', 'coasting', 'either')) p,
	 LATERAL (SELECT c.name, n AS school FROM unnest(schools) n, LATERAL (SELECT n::jsonb->>'id' AS name, n::jsonb->>'role' AS role) c
			  WHERE c.role IN ('lead', 'either')) l,
	 LATERAL sipp.pairing_score(p.school, l.school, scale, max_km => 150) s
WHERE s.eligible AND (l.school::jsonb->>'capacity')::int > 0;

CREATE TEMP TABLE price AS
SELECT which, c.kind, c.partner, c.lead, c.places,
	   c.price + CASE WHEN which = 'corrupted' AND c.kind = 'lead' AND row_number() OVER (PARTITION BY which, c.kind ORDER BY c.price, c.lead) = 1
					  THEN 1000 ELSE 0 END AS price
FROM pairing, LATERAL sipp.certificate(plan) c, (VALUES ('as solved'), ('corrupted')) w(which);

SELECT w.which, a.pairs, a.violated, worth.too_high, worth.prices, s.total_units + s.unpaired_price * s.unpaired AS plan,
	   a.violated = 0 AND worth.too_high = 0 AND worth.prices = s.total_units + s.unpaired_price * s.unpaired AS proven_best
FROM pairing, LATERAL sipp.plan_summary(plan) s, (VALUES ('as solved'), ('corrupted')) w(which),
	 LATERAL (SELECT count(*) AS pairs, count(*) FILTER (WHERE (u.price + v.price <= a.units) IS NOT TRUE) AS violated
			  FROM allowed a LEFT JOIN price u ON u.kind = 'partner' AND u.partner = a.partner AND u.which = w.which
				   LEFT JOIN price v ON v.kind = 'lead' AND v.lead = a.lead AND v.which = w.which) a,
	 LATERAL (SELECT sum(places * price) AS prices,
					 count(*) FILTER (WHERE price > CASE kind WHEN 'partner' THEN s.unpaired_price ELSE 0 END) AS too_high
			  FROM price p WHERE p.which = w.which) worth;

\echo 'Partnerships of three, each with one lead and at least two authorities, and how far'
\echo 'from the best possible they can be:'
CREATE TEMP TABLE trio AS
SELECT g.* FROM nation, LATERAL sipp.group_schools(schools, size => 3, max_km => 150) g;
SELECT count(DISTINCT group_no) AS groups, count(*) FILTER (WHERE group_no IS NOT NULL) AS schools, round(max(gap_pct)::numeric, 1) AS gap_pct
FROM trio;
SELECT group_no, max(school) FILTER (WHERE member_role = 'lead') AS lead,
	   string_agg(school, ', ' ORDER BY school) FILTER (WHERE member_role = 'partner') AS partners,
	   count(DISTINCT authority) AS authorities, round(max(group_cost)::numeric, 2) AS group_cost
FROM trio WHERE group_no <= 5 GROUP BY group_no ORDER BY group_no;

\echo 'What only a generated nation can tell: is the lead really better?  p_better and the'
\echo 'claimed gap speak of the years observed.  Part of a school''s effect belongs to these'
\echo 'years only, so less of the gap lasts:'
SELECT count(*) AS pairs, round(avg(x.p_better)::numeric, 3) AS mean_p_better,
	   round(avg((lo.observed_effect > po.observed_effect)::int), 3) AS better_in_these_years,
	   round(avg((lo.lasting_effect > po.lasting_effect)::int), 3) AS better_lastingly,
	   round(avg(lc.effect - pc.effect)) AS claimed_gap, round(avg(lo.observed_effect - po.observed_effect)) AS observed_gap,
	   round(avg(lo.lasting_effect - po.lasting_effect)) AS lasting_gap
FROM pairing, LATERAL sipp.pairs(plan) x
	 JOIN candidate pc ON pc.name = x.partner JOIN candidate lc ON lc.name = x.lead
	 JOIN school_truth_observed po ON po.school_id = pc.school_id JOIN school_truth_observed lo ON lo.school_id = lc.school_id;
