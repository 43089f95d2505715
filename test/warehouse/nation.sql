/*
 * The nation: authorities, schools and their catchments, data zones ranked by
 * deprivation.  Included by generate.sql.
 *
 * latent advantage of a zone = mean + spread * (sqrt(c) * N_catchment + sqrt(1 - c) * N_zone)
 *
 * with the authority's mean and spread, c = clustering, and N_catchment centred
 * within the authority; the zones' national order in it is the SIMD rank.  Mean and spread were chosen from the share of
 * the authority's zones in the most deprived fifth of SIMD 2020.
 */
CREATE TABLE authority
(
	authority	text PRIMARY KEY,
	nation		int NOT NULL,
	authority_no int NOT NULL UNIQUE,
	lat			float8 NOT NULL,
	lon			float8 NOT NULL,
	radius_km	float8 NOT NULL,
	schools		int NOT NULL,
	data_zones	int NOT NULL,
	first_zone	int NOT NULL
);

CREATE TEMP TABLE blueprint ON COMMIT DROP AS
SELECT * FROM (VALUES
	-- name, lat, lon, radius, secondaries, of them tiny, leavers of the others, zones, mean, spread
	(1, 'Aberdeen City', 57.15, -2.15, 7, 12, 0, 165, 283, .44, 1.00),
	(2, 'Aberdeenshire', 57.28, -2.55, 35, 17, 0, 165, 340, .57, .75),
	(3, 'Angus', 56.70, -2.90, 22, 8, 0, 140, 155, .34, .80),
	(4, 'Argyll and Bute', 56.15, -5.30, 55, 10, 3, 100, 125, .12, .75),
	(5, 'City of Edinburgh', 55.94, -3.21, 8, 24, 0, 165, 597, .51, 1.15),
	(6, 'Clackmannanshire', 56.13, -3.77, 8, 3, 0, 165, 72, -.20, .95),
	(7, 'Dumfries and Galloway', 55.05, -3.95, 50, 16, 0, 95, 201, .17, .75),
	(8, 'Dundee City', 56.47, -2.97, 4, 8, 0, 165, 188, -.48, 1.10),
	(9, 'East Ayrshire', 55.55, -4.35, 18, 8, 0, 155, 163, -.37, .95),
	(10, 'East Dunbartonshire', 55.95, -4.20, 8, 8, 0, 185, 130, .82, .95),
	(11, 'East Lothian', 55.95, -2.80, 15, 7, 0, 165, 132, .48, .85),
	(12, 'East Renfrewshire', 55.78, -4.33, 7, 7, 0, 230, 122, .89, 1.05),
	(13, 'Falkirk', 56.00, -3.75, 10, 8, 0, 205, 214, .10, .95),
	(14, 'Fife', 56.20, -3.20, 25, 20, 0, 200, 494, -.01, .95),
	(15, 'Glasgow City', 55.86, -4.25, 8, 30, 0, 180, 746, -.68, 1.05),
	(16, 'Highland', 57.50, -4.60, 80, 29, 4, 105, 312, .17, .75),
	(17, 'Inverclyde', 55.93, -4.75, 8, 6, 0, 140, 114, -.65, 1.10),
	(18, 'Midlothian', 55.86, -3.10, 9, 6, 0, 165, 115, .18, .80),
	(19, 'Moray', 57.55, -3.30, 22, 8, 0, 115, 126, .38, .65),
	(20, 'Na h-Eileanan Siar', 57.90, -6.90, 45, 3, 1, 110, 36, .05, .40),
	(21, 'North Ayrshire', 55.68, -4.75, 18, 9, 1, 175, 186, -.60, .95),
	(22, 'North Lanarkshire', 55.83, -3.93, 13, 24, 0, 165, 447, -.47, .90),
	(23, 'Orkney Islands', 58.98, -2.98, 18, 2, 0, 100, 29, .35, .50),
	(24, 'Perth and Kinross', 56.45, -3.65, 32, 11, 0, 130, 186, .40, .80),
	(25, 'Renfrewshire', 55.84, -4.50, 9, 11, 0, 175, 225, -.16, 1.05),
	(26, 'Scottish Borders', 55.58, -2.80, 30, 9, 0, 130, 143, .33, .75),
	(27, 'Shetland Islands', 60.25, -1.25, 28, 3, 2, 160, 30, .40, .45),
	(28, 'South Ayrshire', 55.30, -4.65, 22, 8, 0, 150, 153, .04, 1.00),
	(29, 'South Lanarkshire', 55.68, -3.90, 22, 19, 0, 200, 431, -.04, .95),
	(30, 'Stirling', 56.17, -4.10, 22, 7, 0, 145, 121, .33, 1.00),
	(31, 'West Dunbartonshire', 55.94, -4.50, 7, 6, 0, 165, 121, -.61, .90),
	(32, 'West Lothian', 55.90, -3.55, 11, 13, 0, 165, 239, .05, .90)
) v (no, name, lat, lon, radius_km, secondaries, tiny, leavers, zones, mean, spread);

INSERT INTO authority
SELECT name || CASE WHEN nation > 1 THEN ' (' || nation || ')' ELSE '' END,
	   nation, no + 32 * (nation - 1), lat, lon, radius_km,
	   greatest(1, round(secondaries * :school_share))::int, zones,
	   1 + (sum(zones) OVER (ORDER BY nation, no) - zones)::int
FROM generate_series(1, :copies) nation, blueprint;

/*
 * Schools in authority order.  The tiny ones come last in their authority and
 * have 5 to 15 leavers a year, the others 40 to 350.
 */
CREATE TEMP TABLE site ON COMMIT DROP AS
SELECT school_id, authority, authority_no, nation, position, schools, data_zones, first_zone,
	   CASE WHEN position > greatest(1, schools - tiny)
			THEN 5 + floor(11 * uniform(school_id, 1))
			ELSE least(350, greatest(40, round(leavers * exp(.38 * normal(school_id, 2) - .07))))
	   END::int AS leavers,
	   lat + radius_km * distance * sin(2 * pi() * direction) / 111.2 AS lat,
	   lon + radius_km * distance * cos(2 * pi() * direction) / (111.2 * cos(radians(lat))) AS lon
FROM (SELECT (row_number() OVER (ORDER BY a.authority_no, position))::int AS school_id,
			 a.authority, a.authority_no, a.nation, position, a.schools, a.data_zones,
			 a.first_zone, a.lat, a.lon, a.radius_km, b.tiny, b.leavers
	  FROM authority a
		   JOIN blueprint b ON b.no = (a.authority_no - 1) % 32 + 1,
		   generate_series(1, a.schools) position
	  OFFSET 0) s,
	 LATERAL (SELECT sqrt(uniform(school_id, 3)) AS distance,
					 uniform(school_id, 4) AS direction) d;

/*
 * Catchments: consecutive zones of the authority, at least one and otherwise
 * in proportion to the school's size.
 */
CREATE TEMP TABLE catchment ON COMMIT DROP AS
SELECT school_id, authority_no, first_zone + above AS first_zone, upto - above AS zones
FROM (SELECT *, coalesce(lag(upto) OVER (PARTITION BY authority_no ORDER BY school_id), 0) AS above
	  FROM (SELECT school_id, authority_no, first_zone,
				   (position + (data_zones - schools) *
					sum(leavers) OVER (PARTITION BY authority_no ORDER BY school_id) /
					sum(leavers) OVER (PARTITION BY authority_no))::int AS upto
			FROM site) s) s;

CREATE TABLE data_zone
(
	data_zone		text PRIMARY KEY,
	zone_no			int NOT NULL UNIQUE,
	authority		text NOT NULL REFERENCES authority,
	catchment		int NOT NULL,
	simd_rank		int NOT NULL UNIQUE,
	simd_vigintile	int NOT NULL,
	simd_decile		int NOT NULL,
	simd_quintile	int NOT NULL
);

-- bands are ceil(bands * rank / zones), as the index cuts them
INSERT INTO data_zone
SELECT 'Z' || lpad(zone_no::text, 7, '0'), zone_no, authority, catchment, rank,
	   (20 * rank + zones - 1) / zones, (10 * rank + zones - 1) / zones, (5 * rank + zones - 1) / zones
FROM (SELECT zone_no, authority, catchment,
			 row_number() OVER (ORDER BY advantage, zone_no) AS rank,
			 count(*) OVER () AS zones
	  FROM (SELECT zone_no, a.authority, c.school_id AS catchment,
				   b.mean + b.spread * (sqrt((:clustering)::float8) * c.advantage +
										sqrt(1 - (:clustering)::float8) * normal(zone_no, 6)) AS advantage
			FROM (SELECT *,
						 -- centred, lest chance move an authority of few schools; rounded, for sums to be exact
						 draw - sum(zones * draw) OVER authority / sum(zones) OVER authority AS advantage
				  FROM (SELECT *, round(normal(school_id, 5)::numeric, 6) AS draw FROM catchment) c
				  WINDOW authority AS (PARTITION BY authority_no)) c
				 JOIN authority a USING (authority_no)
				 JOIN blueprint b ON b.no = (a.authority_no - 1) % 32 + 1,
				 generate_series(c.first_zone, c.first_zone + c.zones - 1) zone_no) z) r
ORDER BY zone_no;
