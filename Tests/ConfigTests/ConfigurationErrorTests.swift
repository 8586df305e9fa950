import Config
import NetworkTypes
import Testing

/// A wrong file and what is said of it, all lines.
struct Mistake: Sendable, CustomTestStringConvertible {
    let yaml: String
    let complaint: String

    init(_ yaml: String, _ complaint: String) {
        self.yaml = yaml
        self.complaint = complaint
    }

    /// After the two required lines, so `lines` begin on line 3.
    static func after(_ lines: String, _ complaint: String) -> Mistake {
        Mistake("inside: 10.0.0.1\noutside: 192.0.2.1\n" + lines, complaint)
    }

    var testDescription: String { complaint }
}

@Suite("What a wrong configuration is told")
struct ConfigurationErrorTests {
    @Test(
        "Keys",
        arguments: [
            Mistake.after("trnks: []", "edge.yaml:3:1: unknown key 'trnks'; did you mean 'trunks'?"),
            Mistake(
                "outside: 192.0.2.1\ninside:\n  adresses: [10.0.0.1]\n",
                "edge.yaml:3:3: unknown key 'adresses'; did you mean 'addresses'?"),
            .after("media: {port: 10000-20000}", "edge.yaml:3:9: unknown key 'port'; did you mean 'ports'?"),
            .after(
                "log: {colour: yes}", "edge.yaml:3:7: unknown key 'colour'; known here: level, format, calls"),
            .after("state: /a\nstate: /b", "edge.yaml:4:1: key 'state' is given twice"),
            .after("log: {level: info, level: debug}", "edge.yaml:3:20: key 'level' is given twice"),
            .after(
                "media:\n  workers: 1\n  ports: 2000-3000\n  workers: 2", "edge.yaml:6:3: key 'workers' is given twice"),
            .after("state:", "edge.yaml:3:7: 'state' has no value"),
            .after("trunks: [~]", "edge.yaml:3:10: 'trunks[0]' has no value"),
            .after("trunks:\n  -\n", "edge.yaml:4:4: 'trunks[0]' has no value"),
            .after("media: null", "edge.yaml:3:8: 'media' has no value"),
            .after("[a, b]: c", "edge.yaml:3:1: a key must be a word, not a list"),
            Mistake("inside: 10.0.0.1\n", "edge.yaml:1:1: the key 'outside' is missing"),
            Mistake(
                "pbx: []\n", "edge.yaml:1:1: the key 'inside' is missing\nedge.yaml:1:1: the key 'outside' is missing"),
            Mistake("inside: {listen: [udp]}\noutside: 192.0.2.1", "edge.yaml:1:9: 'inside' needs addresses"),
        ])
    func keys(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.complaint) }

    @Test(
        "What is known, but not built yet, is told apart from what is unknown",
        arguments: [
            Mistake.after("capture: {}", "edge.yaml:3:1: 'capture' is not built yet"),
            .after("state: redis://host:6379", "edge.yaml:3:8: 'state': 'redis://' is not built yet"),
            .after(
                "media: {direct_media: maybe}",
                "edge.yaml:3:23: 'media.direct_media': expected yes or no, not 'maybe'"),
            Mistake(
                "inside: 10.0.0.1\noutside: 192.0.2.1\nlimits: {connections: 5, connections_per_source: none}",
                "edge.yaml:3:23: 'limits.connections': expected a number from 8 to 1000000, not '5'\n"
                    + "edge.yaml:3:50: 'limits.connections_per_source': expected a number from 1 to 1000000, not 'none'"
            ),
            .after(
                "trunks:\n- name: a\n  domain: a.example\n  transport: sctp\n  srtp: required\n  keying: mikey\n",
                """
                edge.yaml:6:14: 'trunks[0].transport': expected auto, udp, tcp or tls, not 'sctp'
                edge.yaml:8:11: 'trunks[0].keying': expected one of sdes, dtls, not 'mikey'
                """),
        ])
    func notBuilt(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.complaint) }

    @Test(
        "Values",
        arguments: [
            Mistake("inside: here\noutside: 192.0.2.1", "edge.yaml:1:9: 'inside': expected an IP address, not 'here'"),
            Mistake(
                "inside: 0.0.0.0\noutside: 192.0.2.1",
                "edge.yaml:1:9: 'inside': 0.0.0.0 is no address of its own; name the interface's address"),
            Mistake("inside: [10.0.0.1, 10.0.0.1]\noutside: 192.0.2.1", "edge.yaml:1:20: 'inside[1]': given twice"),
            Mistake("inside: []\noutside: 192.0.2.1", "edge.yaml:1:9: 'inside' must not be empty"),
            Mistake(
                "inside: {addresses: [10.0.0.256]}\noutside: 192.0.2.1",
                "edge.yaml:1:22: 'inside.addresses[0]': expected an IP address, not '10.0.0.256'"),
            Mistake(
                "inside: {addresses: [10.0.0.1], networks: [10.0.0.0/33]}\noutside: 192.0.2.1",
                "edge.yaml:1:44: 'inside.networks[0]': expected a network such as 192.0.2.0/24, not '10.0.0.0/33'"),
            Mistake(
                "inside: {addresses: [10.0.0.1], listen: [udp:70000]}\noutside: 192.0.2.1",
                "edge.yaml:1:42: 'inside.listen[0]': expected a port from 1 to 65535, not '70000'"),
            .after("media: yes", "edge.yaml:3:8: 'media' must be a mapping of keys to values, not a single value"),
            .after("media: {ports: [1, 2]}", "edge.yaml:3:16: 'media.ports' must be a single value, not a list"),
            .after(
                "media: {ports: 20000-10000}",
                "edge.yaml:3:16: 'media.ports': the range 20000-10000 ends before it begins"),
            .after(
                "media: {ports: 10001-10010}",
                "edge.yaml:3:16: 'media.ports': the first port of 10001-10010 must be even, for RTP"),
            .after(
                "media: {ports: 10000-10002}",
                "edge.yaml:3:16: 'media.ports': 10000-10002 is too small: one call takes two pairs of ports"),
            .after(
                "media: {ports: 10000}",
                "edge.yaml:3:16: 'media.ports': expected a range of ports such as 10000-20000, not '10000'"),
            .after("media: {ports: 100-200}", "edge.yaml:3:16: 'media.ports': 100-200 contains ports below 1024"),
            .after(
                "media: {timeout: 60}",
                "edge.yaml:3:18: 'media.timeout': the duration 60 needs a unit: ms, s, m, h or d"),
            .after(
                "media: {timeout: 1 minute}",
                "edge.yaml:3:18: 'media.timeout': expected a duration such as 60s or 500ms, not '1 minute'"),
            .after("media: {timeout: 500ms}", "edge.yaml:3:18: 'media.timeout': 500ms is outside 5s to 24h"),
            .after(
                "media: {timeout: -5s}",
                "edge.yaml:3:18: 'media.timeout': expected a duration such as 60s or 500ms, not '-5s'"),
            .after(
                "media: {timeout: 99999999999999999999s}",
                "edge.yaml:3:18: 'media.timeout': expected a duration such as 60s or 500ms, not '99999999999999999999s'"
            ),
            .after(
                "media: {workers: 0}",
                "edge.yaml:3:18: 'media.workers': expected auto or a number from 1 to 256, not '0'"),
            .after(
                "limits: {per_source: 20}",
                "edge.yaml:3:22: 'limits.per_source': expected a rate such as 20/s, or none, not '20'"),
            .after(
                "limits: {per_source: 0/s}",
                "edge.yaml:3:22: 'limits.per_source': expected a rate such as 20/s, or none, not '0/s'"),
            .after(
                "dscp: {sip: CS9}",
                "edge.yaml:3:13: 'dscp.sip': expected a DSCP such as CS3, AF41, EF or a number up to 63, not 'CS9'"),
            .after(
                "dscp: {sip: 64}",
                "edge.yaml:3:13: 'dscp.sip': expected a DSCP such as CS3, AF41, EF or a number up to 63, not '64'"),
            .after(
                "log: {level: loud}",
                "edge.yaml:3:14: 'log.level': expected one of trace, debug, info, notice, warning, error, critical, not 'loud'"
            ),
            .after(
                "admin: {listen: 9060}",
                "edge.yaml:3:17: 'admin.listen': expected an address and port such as 127.0.0.1:9060, not '9060'"),
            .after(
                "admin: {listen: 0.0.0.0:9060}",
                "edge.yaml:3:17: 'admin.listen': 0.0.0.0:9060 is no loopback address, and pages have no authentication yet"
            ),
            .after(
                "pbx: 10.0.0.2", "edge.yaml:3:6: 'pbx': expected a SIP URI such as sip:192.168.0.2:5060, not '10.0.0.2'"
            ),
            .after("pbx: [sip:1000@10.0.0.2]", "edge.yaml:3:7: 'pbx[0]': a PBX's URI has no user: 'sip:1000@10.0.0.2'"),
            .after("pbx: sip:10.0.0.2:0", "edge.yaml:3:6: 'pbx': expected a port from 1 to 65535, not '0'"),
            .after("pbx: 'sip:'", "edge.yaml:3:6: 'pbx': expected a host, not 'sip:'"),
            .after("pbx: sip:1.2.3", "edge.yaml:3:6: 'pbx': expected a host, not '1.2.3'"),
            .after("trunks: {name: a}", "edge.yaml:3:9: 'trunks' must be a list of trunks, not a mapping"),
            .after(
                "trunks: [a]", "edge.yaml:3:10: 'trunks[0]' must be a mapping of keys to values, not a single value"),
            .after("trunks: [{domain: a.example}]", "edge.yaml:3:10: 'trunks[0]' needs a name"),
            .after(
                "trunks: [{name: phones, domain: a.example}]",
                "edge.yaml:3:17: 'trunks[0].name': 'phones' is the name of the remote phones; choose another"),
            .after(
                "trunks: [{name: \"a\\r\\nb\", domain: a.example}]",
                "edge.yaml:3:17: 'trunks[0].name': expected a name of up to 64 letters, digits, '-', '_' and '.', "
                    + "not 'a\\u{d}\\u{a}b'"),
            .after(
                "trunks:\n- {name: a, domain: a.example}\n- {name: a, domain: b.example}\n- {name: c, domain: a.example}",
                """
                edge.yaml:5:10: there is another trunk named 'a'
                edge.yaml:6:21: another trunk has this domain; tell them apart by 'user'
                """),
            .after(
                "trunks: [{name: a, domain: a.example, nat: maybe}]",
                "edge.yaml:3:44: 'trunks[0].nat': expected yes or no, not 'maybe'"),
        ])
    func values(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.complaint) }

    @Test(
        "Text that is no configuration",
        arguments: [
            Mistake("", "edge.yaml: the file is empty; the smallest one names inside and outside"),
            Mistake("# nothing\n", "edge.yaml: the file is empty; the smallest one names inside and outside"),
            Mistake("hello", "edge.yaml:1:1: the file must be a mapping of keys to values, not a single value"),
            Mistake("- inside", "edge.yaml:1:1: the file must be a mapping of keys to values, not a list"),
            Mistake("inside:\n\taddresses: [10.0.0.1]", "edge.yaml:2:1: a tab cannot indent YAML; use spaces"),
            Mistake("inside:\n  \taddresses: [10.0.0.1]", "edge.yaml:2:3: a tab cannot indent YAML; use spaces"),
            Mistake("inside: &a 10.0.0.1\noutside: *a", "edge.yaml:1:9: YAML anchors ('&name') are not accepted"),
            Mistake("inside: 10.0.0.1\noutside: *a", "edge.yaml:2:10: YAML aliases ('*name') are not accepted"),
            Mistake("inside: !!binary aaaa", "edge.yaml:1:9: YAML tags ('!type') are not accepted"),
            Mistake("? inside\n: 10.0.0.1", "edge.yaml:1:1: explicit keys ('? key') are not accepted"),
            Mistake("inside: \u{7}", "edge.yaml:1:9: a control character (U+0007)"),
            Mistake("inside: a\rb", "edge.yaml:1:10: a control character (U+000D)"),
            Mistake("a: \(String(repeating: "[", count: 65))", "edge.yaml:1:68: too many brackets in one line"),
            Mistake(
                "inside: [10.0.0.1\noutside: 192.0.2.1",
                "edge.yaml:2:8: not YAML: while parsing a flow sequence, did not find expected ',' or ']'"),
            Mistake(
                "inside: 10.0.0.1\n---\noutside: 192.0.2.1",
                "edge.yaml:2:1: not YAML: expected a single document in the stream, but found another document"),
        ])
    func text(mistake: Mistake) { #expect(complaints(mistake.yaml) == mistake.complaint) }

    @Test("Octets that are not UTF-8 have a place")
    func notUTF8() {
        #expect(complaints(Array("inside: 10.0.0.1\nstate: ".utf8) + [0xff]) == "edge.yaml:2:8: not UTF-8 text")
    }

    @Test("A huge file is refused by its size")
    func huge() {
        #expect(
            complaints([UInt8](repeating: 0x20, count: 2 << 20)).hasSuffix(
                "larger than 1 MiB: this is no configuration"))
    }

    @Test("All errors are told at once, in the order of the file")
    func several() {
        let text = "inside: nowhere\nutside: 192.0.2.1\nmedia: {timeout: 1, ports: x}\nstate: ''\n"
        #expect(
            complaints(text) == """
                edge.yaml:1:9: 'inside': expected an IP address, not 'nowhere'
                edge.yaml:2:1: unknown key 'utside'; did you mean 'outside'?
                edge.yaml:3:18: 'media.timeout': the duration 1 needs a unit: ms, s, m, h or d
                edge.yaml:3:28: 'media.ports': expected a range of ports such as 10000-20000, not 'x'
                edge.yaml:4:8: 'state': expected a directory, not ''
                """)
    }

    @Test("A file that cannot be read is named with the reason")
    func noFile() {
        #expect(
            throws: ConfigurationErrors(
                .init(file: "/nowhere/x.yaml", message: "cannot be read: No such file or directory"))
        ) {
            try Configuration(contentsOf: "/nowhere/x.yaml")
        }
    }
}
