/*
 * lemon_peer.cpp
 *		The same problem as a minimum-cost flow, solved by LEMON's network simplex.
 *
 *	lemon_peer FILE
 *
 * prints the value of the cheapest flow: costs of pairs, and M for empty places.
 */
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

typedef lemon::SmartDigraph Graph;

static std::vector<int64_t>
take(FILE *f, int64_t n)
{
	std::vector<int64_t> v(n);

	if (n > 0 && fread(v.data(), sizeof(int64_t), n, f) != (size_t) n)
	{
		fprintf(stderr, "lemon_peer: file too short\n");
		exit(1);
	}
	return v;
}

int
main(int argc, char **argv)
{
	FILE	   *f = argc == 2 ? fopen(argv[1], "rb") : NULL;

	if (!f)
	{
		fprintf(stderr, "usage: lemon_peer FILE\n");
		return 2;
	}
	std::vector<int64_t> head = take(f, 4);
	int64_t		np = head[0];
	int64_t		nl = head[1];
	std::vector<int64_t> places = take(f, np);
	std::vector<int64_t> capacity = take(f, nl);
	std::vector<int64_t> start = take(f, np + 1);
	std::vector<int64_t> lead = take(f, head[3]);
	std::vector<int64_t> cost = take(f, head[3]);

	Graph		g;
	Graph::ArcMap<int64_t> upper(g);
	Graph::ArcMap<int64_t> price(g);
	Graph::NodeMap<int64_t> supply(g);
	std::vector<Graph::Node> node;
	Graph::Node sink = g.addNode();
	int64_t		total = 0;

	for (int64_t k = 0; k < np + nl; k++)
		node.push_back(g.addNode());
	for (int64_t i = 0; i < np; i++)
	{
		Graph::Arc	empty = g.addArc(node[i], sink);

		upper[empty] = places[i];
		price[empty] = head[2];
		supply[node[i]] = places[i];
		total += places[i];
		for (int64_t k = start[i]; k < start[i + 1]; k++)
		{
			Graph::Arc	pair = g.addArc(node[i], node[np + lead[k]]);

			upper[pair] = 1;
			price[pair] = cost[k];
		}
	}
	for (int64_t j = 0; j < nl; j++)
	{
		Graph::Arc	room = g.addArc(node[np + j], sink);

		upper[room] = capacity[j];
		price[room] = 0;
		supply[node[np + j]] = 0;
	}
	supply[sink] = -total;

	lemon::NetworkSimplex<Graph, int64_t> flow(g);

	flow.upperMap(upper).costMap(price).supplyMap(supply);
	if (flow.run() != lemon::NetworkSimplex<Graph, int64_t>::OPTIMAL)
	{
		fprintf(stderr, "lemon_peer: no optimal flow\n");
		return 1;
	}
	printf("%lld\n", (long long) flow.totalCost());
	return 0;
}
