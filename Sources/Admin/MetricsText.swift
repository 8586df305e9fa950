/// Metrics in the Prometheus text exposition format.
///
/// Nothing in it grows with what peers send (security 31): a family has at most ``mostSamples`` samples, what is beyond
/// is summed up as `other`, and label values are cut.
public struct MetricsText {
    public enum Kind: String, Sendable { case counter, gauge, histogram }

    public struct Sample: Sendable {
        public var labels: [(name: String, value: String)]
        public var value: Double
        /// What a histogram appends to its name.
        var suffix = ""

        public init(_ value: Double, labels: [(name: String, value: String)] = []) {
            self.value = value
            self.labels = labels
        }
    }

    public static let mostSamples = 64
    static let longestLabel = 100
    public private(set) var text = ""

    public init() {}

    /// Adds a family; its name gets our prefix. A family without samples is left out.
    public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        let name = "sallyport_\(name)"
        text += "# HELP \(name) \(help.escapedHelp)\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples.prefix(Self.mostSamples) {
            text += "\(name)\(sample.suffix)\(Self.labels(sample.labels)) \(sample.value.metric)\n"
        }
    }

    public mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        add(name, kind, help, [Sample(Double(value))])
    }

    /// A counter for each cause; the rarest of too many causes are summed up.
    public mutating func add(_ name: String, _ help: String, by label: String, _ counts: [String: UInt64]) {
        let ordered = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let kept = ordered.prefix(Self.mostSamples - 1)
        var samples = kept.sorted { $0.key < $1.key }.map { Sample(Double($0.value), labels: [(label, $0.key)]) }
        let rest = ordered.dropFirst(kept.count).reduce(0.0) { $0 + Double($1.value) }
        if rest > 0 { samples.append(Sample(rest, labels: [(label, "other")])) }
        add(name, .counter, help, samples)
    }

    private static func labels(_ labels: [(name: String, value: String)]) -> String {
        if labels.isEmpty { return "" }
        return "{" + labels.map { "\($0.name)=\"\($0.value.escapedLabel)\"" }.joined(separator: ",") + "}"
    }
}

extension MetricsText {
    /// The metrics of the process. Trunks are labelled only where the configuration names them, as learned ones come
    /// and go with what peers do.
    public init(_ status: StatusSnapshot, trunks: [TrunkSnapshot] = []) {
        self.init()
        add("info", .gauge, "Version of the process.", [Sample(1, labels: [("version", status.version)])])
        add("uptime_seconds", .gauge, "Time since start.", [Sample(status.uptimeSeconds)])
        add("calls", .gauge, "Calls now.", status.calls.now)
        add("calls_limit", .gauge, "Calls allowed at once.", status.calls.limit)
        add("calls_total", .counter, "Calls begun.", status.calls.total)
        add("calls_failed_total", "Calls failed.", by: "cause", status.calls.failed)
        add("requests_refused_total", "Requests refused by us.", by: "reason", status.refused)
        add(
            "overload_ratio", .gauge, "Share of new requests that is refused for lack of time.",
            [Sample(status.pressure)])
        add("bans_total", .counter, "Sources banned for wrong credentials.", status.banned)
        add("bans", .gauge, "Bans now.", status.bans.count)
        add("registrations", .gauge, "Registrations that are live.", status.registrations)
        add("transactions", .gauge, "SIP transactions now.", status.transactions)
        add("messages_received_total", .counter, "SIP messages received.", status.messages.received)
        add("messages_sent_total", .counter, "SIP messages sent.", status.messages.sent)
        add("messages_dropped_total", "SIP messages dropped.", by: "cause", status.messages.dropped)
        add("connections", .gauge, "Stream connections now.", status.connections.now)
        add("connections_limit", .gauge, "Stream connections allowed at once.", status.connections.limit)
        add("connections_accepted_total", .counter, "Stream connections accepted.", status.connections.accepted)
        add("connections_opened_total", .counter, "Stream connections opened.", status.connections.opened)
        add(
            "connections_failed_total", "Stream connections refused, failed or closed by us.", by: "cause",
            status.connections.failed)
        add("tls_handshakes_total", .counter, "TLS handshakes that went well.", status.connections.handshakes)
        add("tls_resumed_total", .counter, "TLS handshakes that resumed a session.", status.connections.resumed)
        add(
            "certificate_not_after_seconds", .gauge, "When a certificate expires, in seconds since 1970.",
            status.certificates.map { Sample(Double($0.notAfter), labels: [("certificate", $0.name)]) })
        add(
            "certificate_problem", .gauge, "Whether the files of TLS can't be used as they are now.",
            status.certificateProblem == nil ? 0 : 1)
        add("media_sessions", .gauge, "Relay sessions now.", status.media.sessions)
        add("media_ports_used", .gauge, "Media ports in use.", status.media.portsUsed)
        add("media_ports_free", .gauge, "Media ports free.", status.media.portsFree)
        add(
            "media_unanchored_calls_total", .counter, "Calls with a stream that is not anchored (MSRP, BFCP over TCP).",
            status.media.unanchored)
        add("media_packets_total", .counter, "Media packets received.", status.media.packets)
        add("media_bytes_total", .counter, "Octets of media packets received.", status.media.bytes)
        add("media_dropped_total", "Media packets dropped.", by: "cause", status.media.dropped)
        addScores(status.media.totals)
        add("memory_bytes", .gauge, "Resident memory.", status.memoryBytes)
        add("cpu_seconds_total", .counter, "Processor time used.", [Sample(status.processorSeconds)])
        add("open_descriptors", .gauge, "Open file descriptors.", status.openDescriptors)
        addTrunks(trunks)
    }

    private mutating func addScores(_ totals: MediaTotalsSnapshot) {
        var samples = totals.scores.map { Sample(Double($0.count), labels: [("le", "\($0.bound)")]) }
        samples.append(Sample(Double(totals.legs), labels: [("le", "+Inf")]))
        for index in samples.indices { samples[index].suffix = "_bucket" }
        for (suffix, value) in [("_sum", totals.scoreSum), ("_count", Double(totals.legs))] {
            var sample = Sample(value)
            sample.suffix = suffix
            samples.append(sample)
        }
        add("media_mos", .histogram, "MOS (G.107) of what came from outside, by call that has ended.", samples)
    }

    private mutating func addMedia(_ trunks: [TrunkSnapshot]) {
        func samples(_ value: (MediaTotalsSnapshot) -> Double) -> [Sample] {
            trunks.compactMap { trunk in trunk.media.map { Sample(value($0), labels: [("trunk", trunk.name)]) } }
        }
        add(
            "trunk_media_legs_total", .counter, "Streams of calls that have ended, by configured trunk.",
            samples { Double($0.legs) })
        add("trunk_media_mos_sum", .counter, "The sum of their MOS (G.107).", samples(\.scoreSum))
        add("trunk_media_jitter_milliseconds_sum", .counter, "The sum of their jitter.", samples(\.jitterSum))
        add("trunk_media_packets_total", .counter, "Packets that came in them.", samples { Double($0.packets) })
        add("trunk_media_lost_total", .counter, "Packets that did not.", samples { Double($0.lost) })
    }

    private mutating func addTrunks(_ trunks: [TrunkSnapshot]) {
        let configured = trunks.filter { !$0.isLearned }.sorted { $0.name < $1.name }
        add(
            "trunk_calls", .gauge, "Calls now, by configured trunk.",
            configured.map {
                Sample(Double($0.calls), labels: [("trunk", $0.name)])
            })
        add(
            "trunk_minutes_today", .gauge, "Answered minutes of calls placed today (UTC), by trunk with limits.",
            configured.compactMap { trunk in trunk.minutesToday.map { Sample($0, labels: [("trunk", trunk.name)]) } })
        add(
            "trunk_registrations", .gauge, "Live registrations, by configured trunk.",
            configured.map {
                Sample(Double($0.registrations), labels: [("trunk", $0.name)])
            })
        add(
            "trunk_target_up", .gauge, "Whether a configured trunk's target answers; without a sample: not known.",
            configured.flatMap { trunk in
                trunk.targets.filter { $0.state != .unknown }.map {
                    Sample($0.state == .up ? 1 : 0, labels: [("trunk", trunk.name), ("target", $0.target)])
                }
            })
        addMedia(configured)
        add("trunks_learned", .gauge, "Trunks learned.", trunks.count - configured.count)
    }
}

extension String {
    fileprivate var escapedHelp: String { escaped { $0 == "\\" || $0 == "\n" } }

    fileprivate var escapedLabel: String {
        String(prefix(MetricsText.longestLabel)).escaped { $0 == "\\" || $0 == "\n" || $0 == "\"" }
    }

    private func escaped(_ needsEscape: (Unicode.Scalar) -> Bool) -> String {
        var out = ""
        for scalar in unicodeScalars {
            if needsEscape(scalar) {
                out += scalar == "\n" ? "\\n" : "\\\(scalar)"
            } else if scalar != "\r" {
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}

extension Double {
    /// Whole numbers without a fraction; the format's own words for what is no number.
    fileprivate var metric: String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: self).map(String.init) ?? "\(self)"
    }
}
