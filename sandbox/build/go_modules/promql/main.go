// Command promql evaluates PromQL on texts that a Prometheus would have scraped, with Prometheus' own parsers
// and engine. It reads one JSON document from standard input and writes one to standard output.
//
// Each scrape is one target's text at one time. As a Prometheus does, it adds the target's labels to each
// series, and marks a series as gone that the target's next scrape doesn't have.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

const version = "0.305.1" // of the module of Prometheus 3.5.1

type scrape struct {
	Seconds float64           `json:"seconds"`
	Labels  map[string]string `json:"labels"`
	Text    *string           `json:"text"` // null if the target didn't answer
}

type request struct {
	Rules   string   `json:"rules"` // a file of rules, which is checked
	Scrapes []scrape `json:"scrapes"`
	Queries []string `json:"queries"`
	Start   float64  `json:"start"`
	End     float64  `json:"end"`
	Step    float64  `json:"step"`
}

type line struct {
	Labels labels.Labels `json:"labels"`
	Points [][2]float64  `json:"points"` // seconds, value
}

type answer struct {
	Results [][]line `json:"results"` // by query
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println("promql " + version)
		return
	}
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var asked request
	if err := json.NewDecoder(in).Decode(&asked); err != nil {
		return err
	}
	if _, errs := rulefmt.Parse([]byte(asked.Rules), false); len(errs) > 0 {
		return errors.Join(errs...)
	}
	found := &samples{}
	for _, s := range asked.Scrapes {
		if err := found.add(s); err != nil {
			return err
		}
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute})
	results := answer{Results: [][]line{}}
	for _, expression := range asked.Queries {
		lines, err := evaluate(engine, found, expression, asked)
		if err != nil {
			return fmt.Errorf("%s: %w", expression, err)
		}
		results.Results = append(results.Results, lines)
	}
	return json.NewEncoder(out).Encode(results)
}

func evaluate(engine *promql.Engine, found *samples, expression string, asked request) ([]line, error) {
	ctx := context.Background()
	step := time.Duration(asked.Step * float64(time.Second))
	query, err := engine.NewRangeQuery(ctx, found, nil, expression, at(asked.Start), at(asked.End), step)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	matrix, err := query.Exec(ctx).Matrix()
	if err != nil {
		return nil, err
	}
	lines := []line{}
	for _, series := range matrix {
		points := [][2]float64{}
		for _, point := range series.Floats {
			points = append(points, [2]float64{float64(point.T) / 1000, point.F})
		}
		lines = append(lines, line{series.Metric, points})
	}
	return lines, nil
}

func at(seconds float64) time.Time { return time.UnixMilli(int64(seconds * 1000)) }

// samples is a storage of what was scraped, by the labels of the target and by those of the series.
type samples struct {
	series  []*course
	targets map[string]map[string]*course
}

type course struct {
	labels labels.Labels
	points []chunks.Sample
}

func (s *samples) add(scraped scrape) error {
	target := labels.FromMap(scraped.Labels)
	if s.targets == nil {
		s.targets = map[string]map[string]*course{}
	}
	known := s.targets[target.String()]
	if known == nil {
		known = map[string]*course{}
		s.targets[target.String()] = known
	}
	now, present := int64(scraped.Seconds*1000), map[string]bool{}
	put := func(series labels.Labels, number float64) {
		key := series.String()
		present[key] = true
		if known[key] == nil {
			known[key] = &course{labels: series}
			s.series = append(s.series, known[key])
		}
		known[key].points = append(known[key].points, point{now, number})
	}
	up := 0.0
	if scraped.Text != nil {
		up = 1
	}
	put(labels.NewBuilder(target).Set(labels.MetricName, "up").Labels(), up)
	if scraped.Text != nil {
		if err := parse(*scraped.Text, target, put); err != nil {
			return err
		}
	}
	for key, series := range known {
		if last := series.points[len(series.points)-1]; !present[key] && !value.IsStaleNaN(last.F()) {
			series.points = append(series.points, point{now, math.Float64frombits(value.StaleNaN)})
		}
	}
	return nil
}

func parse(text string, target labels.Labels, put func(labels.Labels, float64)) error {
	parser, err := textparse.New([]byte(text), "text/plain", "", false, false, false, labels.NewSymbolTable())
	if err != nil {
		return err
	}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, number := parser.Series()
		var series labels.Labels
		parser.Labels(&series)
		builder := labels.NewBuilder(series)
		target.Range(func(l labels.Label) { builder.Set(l.Name, l.Value) })
		put(builder.Labels(), number)
	}
}

// Querier makes samples a storage.Queryable.
func (s *samples) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{
		SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
			selected := &selection{}
			for _, series := range s.series {
				if matches(series.labels, matchers) {
					selected.series = append(selected.series, storage.NewListSeries(series.labels, series.points))
				}
			}
			return selected
		},
	}, nil
}

func matches(series labels.Labels, matchers []*labels.Matcher) bool {
	for _, matcher := range matchers {
		if !matcher.Matches(series.Get(matcher.Name)) {
			return false
		}
	}
	return true
}

type selection struct {
	series []storage.Series
	next   int
}

func (s *selection) Next() bool                        { s.next++; return s.next <= len(s.series) }
func (s *selection) At() storage.Series                { return s.series[s.next-1] }
func (s *selection) Err() error                        { return nil }
func (s *selection) Warnings() annotations.Annotations { return nil }

type point struct {
	t int64
	f float64
}

func (p point) T() int64                      { return p.t }
func (p point) F() float64                    { return p.f }
func (p point) H() *histogram.Histogram       { return nil }
func (p point) FH() *histogram.FloatHistogram { return nil }
func (p point) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample           { return p }
