/*
 * What is known once the pupils are: the table of schools.  Then keys, indexes
 * and comments.  Included by generate.sql.
 */
ALTER TABLE leaver ADD PRIMARY KEY (pupil_id);

CREATE TABLE school
(
	school_id		int PRIMARY KEY,
	name			text NOT NULL UNIQUE,
	authority		text NOT NULL REFERENCES authority,
	sector			text NOT NULL,
	lat				float8 NOT NULL,
	lon				float8 NOT NULL,
	roll			int NOT NULL,
	pct_fsm			float8 NOT NULL,
	pct_asn			float8 NOT NULL,
	pct_most_deprived float8 NOT NULL,
	simd_decile_shares float8[] NOT NULL,
	support_capacity int NOT NULL,
	consents		boolean NOT NULL
);

-- 24 beginnings and 30 endings that no Scottish place has: 331 has no factor
-- in common with 720, so a nation's names are all different
INSERT INTO school
SELECT s.school_id,
	   (ARRAY['Auchen', 'Inver', 'Strath', 'Glen', 'Kil', 'Dun', 'Bal', 'Loch', 'Ard', 'Craig', 'Drum', 'Pit',
			  'Tilly', 'Aber', 'Cairn', 'Fetter', 'Kirk', 'Nether', 'Upper', 'Ben', 'Port', 'Eccle', 'Tar', 'Mon'])
	   [1 + name_no % 24] ||
	   (ARRAY['quill', 'zeal', 'wisp', 'thimble', 'lantern', 'marble', 'copper', 'saffron', 'otter', 'puffin',
			  'candle', 'button', 'velvet', 'pepper', 'walnut', 'ribbon', 'compass', 'anvil', 'kettle', 'mirror',
			  'feather', 'sickle', 'barley', 'magpie', 'trumpet', 'gimlet', 'harbinger', 'juniper', 'whistle', 'ladle'])
	   [1 + name_no / 24] ||
	   (ARRAY[' Academy', ' High School', ' Secondary School'])[1 + floor(3 * uniform(s.school_id, 40))::int] ||
	   CASE WHEN nation > 1 THEN ' (' || nation || ')' ELSE '' END,
	   s.authority, 'secondary', round(s.lat::numeric, 4), round(s.lon::numeric, 4),
	   -- six year groups, the last two thinned by those who leave
	   round(5.5 * s.leavers),
	   round((100 * logistic(-1.5 - .75 * (mean_decile - 5.5) / 2.872 + .15 * normal(s.school_id, 41)))::numeric, 1),
	   round(100 * pct_asn, 1), round(100 * (shares[1] + shares[2])::numeric, 1), shares,
	   CASE WHEN s.leavers >= 200 THEN 2 ELSE 1 END,
	   uniform(s.school_id, 42) >= .1
FROM (SELECT *, 331 * (school_id - min(school_id) OVER (PARTITION BY nation)) % 720 AS name_no FROM site) s
	 JOIN (SELECT school_id, avg(simd_decile)::float8 AS mean_decile, avg(asn::int) AS pct_asn,
				  ARRAY[avg((simd_decile = 1)::int), avg((simd_decile = 2)::int), avg((simd_decile = 3)::int),
						avg((simd_decile = 4)::int), avg((simd_decile = 5)::int), avg((simd_decile = 6)::int),
						avg((simd_decile = 7)::int), avg((simd_decile = 8)::int), avg((simd_decile = 9)::int),
						avg((simd_decile = 10)::int)]::float8[] AS shares
		   FROM leaver GROUP BY school_id) l USING (school_id)
ORDER BY s.school_id;

CREATE INDEX ON leaver (school_id, year);
CREATE INDEX ON leaver (year);
CREATE INDEX ON data_zone (catchment);
CREATE INDEX ON school (authority);
ALTER TABLE school_truth ADD FOREIGN KEY (school_id) REFERENCES school;
ALTER TABLE data_zone ADD FOREIGN KEY (catchment) REFERENCES school;
ALTER TABLE leaver ADD FOREIGN KEY (school_id) REFERENCES school;
ALTER TABLE leaver ADD FOREIGN KEY (data_zone) REFERENCES data_zone;

COMMENT ON SCHEMA :"schema" IS
	'Generated pupils, schools and zones of an invented nation, with the true school effects (sipp, test/warehouse)';

COMMENT ON TABLE parameter IS 'What the generator was asked for, and the standard deviations that follow from it';
COMMENT ON COLUMN parameter.value IS 'value, in the unit that the meaning names';

COMMENT ON TABLE authority IS 'Local authorities: 32 a nation';
COMMENT ON COLUMN authority.nation IS 'copy of the nation, 1 to scale';
COMMENT ON COLUMN authority.authority_no IS '1 to 32 in the first nation, 33 to 64 in the second, ...';
COMMENT ON COLUMN authority.lat IS 'latitude of the middle, degrees north, approximate';
COMMENT ON COLUMN authority.lon IS 'longitude of the middle, degrees east, approximate';
COMMENT ON COLUMN authority.radius_km IS 'schools lie within this distance of the middle, km';
COMMENT ON COLUMN authority.schools IS 'number of secondary schools';
COMMENT ON COLUMN authority.data_zones IS 'number of data zones';
COMMENT ON COLUMN authority.first_zone IS 'lowest zone_no; the others follow without a gap';

COMMENT ON TABLE data_zone IS 'Data zones, ranked by deprivation over all nations';
COMMENT ON COLUMN data_zone.data_zone IS 'invented code';
COMMENT ON COLUMN data_zone.catchment IS 'school_id that most of its pupils go to';
COMMENT ON COLUMN data_zone.simd_rank IS 'rank of deprivation, 1 = most deprived';
COMMENT ON COLUMN data_zone.simd_vigintile IS 'twentieth of the zones by rank, 1 = most deprived';
COMMENT ON COLUMN data_zone.simd_decile IS 'tenth of the zones by rank, 1 = most deprived';
COMMENT ON COLUMN data_zone.simd_quintile IS 'fifth of the zones by rank, 1 = most deprived';

COMMENT ON TABLE school IS 'Schools, as a list of schools would have them: nothing of the truth';
COMMENT ON COLUMN school.name IS 'invented name';
COMMENT ON COLUMN school.sector IS 'secondary';
COMMENT ON COLUMN school.lat IS 'latitude, degrees north';
COMMENT ON COLUMN school.lon IS 'longitude, degrees east';
COMMENT ON COLUMN school.roll IS 'pupils, all year groups';
COMMENT ON COLUMN school.pct_fsm IS 'pupils entitled to free school meals, %';
COMMENT ON COLUMN school.pct_asn IS 'leavers of all years with additional support needs, %';
COMMENT ON COLUMN school.pct_most_deprived IS 'leavers of all years from the most deprived fifth of zones, %';
COMMENT ON COLUMN school.simd_decile_shares IS 'share of the leavers of all years by SIMD decile, most deprived first; sums to 1';
COMMENT ON COLUMN school.support_capacity IS 'partner schools that it could support at one time';
COMMENT ON COLUMN school.consents IS 'whether it agrees to be paired';

COMMENT ON TABLE leaver IS 'Pupils in the year in which they left school';
COMMENT ON COLUMN leaver.year IS 'calendar year of leaving';
COMMENT ON COLUMN leaver.simd_rank IS 'of the data zone: 1 = most deprived';
COMMENT ON COLUMN leaver.simd_vigintile IS 'of the data zone: 1 = most deprived, 20 = least';
COMMENT ON COLUMN leaver.simd_decile IS 'of the data zone: 1 = most deprived, 10 = least';
COMMENT ON COLUMN leaver.simd_quintile IS 'of the data zone: 1 = most deprived, 5 = least';
COMMENT ON COLUMN leaver.prior IS 'prior attainment, points; NULL = missing';
COMMENT ON COLUMN leaver.tariff IS 'tariff points of all awards; NULL = missing';
COMMENT ON COLUMN leaver.asn IS 'recorded additional support needs';
COMMENT ON COLUMN leaver.literacy IS 'literacy at SCQF level 5 or better';
COMMENT ON COLUMN leaver.numeracy IS 'numeracy at SCQF level 5 or better';
COMMENT ON COLUMN leaver.positive_destination IS 'in education, training or work after leaving';
COMMENT ON COLUMN leaver.sex IS 'F or M';
COMMENT ON COLUMN leaver.stage IS 'stage at leaving: S4, S5 or S6';

COMMENT ON TABLE coefficient_truth IS 'The fixed part of the tariff, as the generator added it up';
COMMENT ON COLUMN coefficient_truth.level IS 'level of a factor, else empty';
COMMENT ON COLUMN coefficient_truth.value IS 'tariff points; for prior, per point of prior attainment';

COMMENT ON TABLE school_truth IS 'What lasts of a school';
COMMENT ON COLUMN school_truth.intake IS 'mean SIMD rank of the catchment, standardised over schools; higher = less deprived';
COMMENT ON COLUMN school_truth.lasting_effect IS 'what the school adds to each leaver''s tariff, every year, tariff points';
COMMENT ON COLUMN school_truth.literacy_lean IS 'added to the log-odds of literacy and taken from those of numeracy';

COMMENT ON TABLE school_year_truth IS 'What a school had in one year only';
COMMENT ON COLUMN school_year_truth.leavers IS 'number of leavers';
COMMENT ON COLUMN school_year_truth.year_effect IS 'what the school adds in this year beside the lasting effect, tariff points';

COMMENT ON VIEW school_truth_observed IS 'The true effect over the years generated: what a figure made of these years can be held to';
COMMENT ON COLUMN school_truth_observed.leavers IS 'number of leavers, all years';
COMMENT ON COLUMN school_truth_observed.lasting_effect IS 'tariff points';
COMMENT ON COLUMN school_truth_observed.observed_effect IS
	'lasting effect plus the leaver-weighted mean of the year effects, tariff points';

COMMENT ON FUNCTION bits(bigint, bigint) IS 'hash of the seed, a stream and an id';
COMMENT ON FUNCTION uniform(bigint, bigint) IS 'the same as a number in (0, 1)';
COMMENT ON FUNCTION normal(bigint, bigint) IS 'the same as a standard normal deviate';
COMMENT ON FUNCTION logistic(float8) IS '1 / (1 + exp(-x))';

ANALYZE authority, data_zone, school, leaver, parameter, coefficient_truth, school_truth, school_year_truth;
