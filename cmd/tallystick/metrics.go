package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tallystick/tallystick/engine"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/object"
	"github.com/tallystick/tallystick/engine/progress"
)

// metrics tells Prometheus what a command does: over HTTP while it runs, or in
// a file that is written anew when a stage begins or ends, and every few
// seconds between (for the textfile collector of the node exporter). It passes
// progress on to whatever else shows it.
type metrics struct {
	next progress.Listener // nil: nobody
	reg  *prometheus.Registry

	running, expected, units, tasks, seconds, cpu, read, peak *prometheus.GaugeVec

	server *http.Server
	addr   net.Addr // it listens on
	file   string
	quit   chan struct{}
	ends   sync.WaitGroup

	mu      sync.Mutex
	current prometheus.Gauge // of the running stage's units
	err     error            // of the first write of the file that failed
}

// metricsEvery is how often the file is written.
const metricsEvery = 5 * time.Second

// newMetrics serves at an address (HOST:PORT, :PORT), or writes a file.
func newMetrics(where string) (*metrics, error) {
	m := &metrics{reg: prometheus.NewRegistry(), quit: make(chan struct{})}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "tallystick", Subsystem: "stage", Name: name, Help: help}, labels)
		m.reg.MustRegister(v)
		return v
	}
	m.running = gauge("running", "1 while the stage runs, 0 when it is done.", "stage")
	m.expected = gauge("units_expected", "Units of work that the stage has; 0: not known.", "stage", "unit")
	m.units = gauge("units_done", "Units of work that are done.", "stage", "unit")
	m.tasks = gauge("tasks", "Tasks of the stage that were done.", "stage")
	m.seconds = gauge("seconds", "Wall clock of the stage, when it is done.", "stage")
	m.cpu = gauge("cpu_seconds", "CPU time of the stage, user and system, when it is done.", "stage")
	m.read = gauge("read_bytes", "Bytes that the stage read, when it is done.", "stage")
	m.peak = gauge("peak_memory_bytes", "Largest resident set during the stage, mapped files included.", "stage")
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tallystick_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": engine.ToolVersion}})
	info.Set(1)
	m.reg.MustRegister(info, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())

	if _, port, err := net.SplitHostPort(where); err == nil {
		if port == "" {
			return nil, fmt.Errorf("%w: --metrics %s: an address needs its port, as in :9090, or nobody finds it", doc.ErrUsage, where)
		}
		if strings.Trim(port, "0123456789") == "" { // a number too large for one is no file either
			if err := m.listen(where); err != nil {
				return nil, err
			}
			return m, nil
		}
	}
	if object.IsName(where) {
		return nil, fmt.Errorf("%w: --metrics %s: who collects metrics reads an address or a local file, no object", doc.ErrUsage, where)
	}
	if info, err := os.Stat(where); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: --metrics %s: not a regular file, which is what is replaced", doc.ErrUsage, where)
	}
	if err := folder.RefuseInRun(where); err != nil {
		return nil, err
	}
	m.file = where
	m.write()
	if m.err != nil {
		return nil, m.err
	}
	m.ends.Go(func() {
		tick := time.NewTicker(metricsEvery)
		defer tick.Stop()
		for {
			select {
			case <-m.quit:
				return
			case <-tick.C:
				m.write()
			}
		}
	})
	return m, nil
}

func (m *metrics) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	m.addr = l.Addr()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{}))
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	m.ends.Go(func() {
		if err := m.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			m.mu.Lock()
			m.err = fmt.Errorf("metrics: %w", err)
			m.mu.Unlock()
		}
	})
	return nil
}

// write writes the file whole or not at all.
func (m *metrics) write() {
	if m.file == "" {
		return
	}
	if err := prometheus.WriteToTextfile(m.file, m.reg); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.err == nil {
			m.err = fmt.Errorf("metrics: %w", err)
		}
	}
}

// stop ends the server, or writes the file for the last time.
func (m *metrics) stop() error {
	close(m.quit)
	if m.server != nil {
		m.server.Close()
	}
	m.ends.Wait()
	m.write()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Start implements progress.Listener.
func (m *metrics) Start(stage string, total int64, unit string) {
	m.running.WithLabelValues(stage).Set(1)
	m.expected.WithLabelValues(stage, unit).Set(float64(total))
	m.mu.Lock()
	m.current = m.units.WithLabelValues(stage, unit)
	m.current.Set(0)
	m.mu.Unlock()
	m.write()
	if m.next != nil {
		m.next.Start(stage, total, unit)
	}
}

// Add implements progress.Listener.
func (m *metrics) Add(n int64) {
	m.mu.Lock()
	if m.current != nil {
		m.current.Add(float64(n))
	}
	m.mu.Unlock()
	if m.next != nil {
		m.next.Add(n)
	}
}

// End implements progress.Listener.
func (m *metrics) End(t progress.Timing) {
	for v, value := range map[*prometheus.GaugeVec]float64{
		m.running: 0, m.tasks: float64(t.Tasks), m.seconds: t.Seconds, m.cpu: t.CPUSeconds, m.read: float64(t.Bytes), m.peak: float64(t.PeakMemory),
	} {
		v.WithLabelValues(t.Stage).Set(value)
	}
	m.write()
	if m.next != nil {
		m.next.End(t)
	}
}

// Notice implements progress.Listener.
func (m *metrics) Notice(text string) {
	if m.next != nil {
		m.next.Notice(text)
	}
}
