import SIP
import Testing

/// Lists, parameters, name-addrs, Vias and CSeqs by the grammar of RFC 3261 §25.1.
@Suite struct FieldTests {
    // MARK: Lists

    @Test(
        arguments: [
            ("", []), (" ", []), (",", []), (",,", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a , b ", ["a", "b"]),
            ("a,,b", ["a", "b"]), ("<a,b>,c", ["<a,b>", "c"]), ("\"a,b\" <c>,d", ["\"a,b\" <c>", "d"]),
            ("\"a\\\",b\" <c>,d", ["\"a\\\",b\" <c>", "d"]), ("\"a\\\\\",b", ["\"a\\\\\"", "b"]),
            ("<a\"b>,c\"d\"", ["<a\"b>", "c\"d\""]), ("\"a,b", ["\"a,b"]), ("<a,b", ["<a,b"]), ("a>,b", ["a>", "b"]),
            ("\"\",a", ["\"\"", "a"]), ("a;x=\"1,2\",b", ["a;x=\"1,2\"", "b"]), ("a\r\n ,\r\n b", ["a", "b"]),
            ("\"<\",<\">\",b", ["\"<\"", "<\">\",b"]),
        ] as [(String, [String])])
    func `a list is taken apart at commas outside quotes and brackets`(text: String, values: [String]) {
        let bytes = Array(text.utf8)
        var ranges: [Range<Int>] = []
        FieldValues.append(bytes.indices, of: bytes, to: &ranges)
        #expect(ranges.map { string(bytes, $0) } == values)
    }

    // MARK: Parameters

    @Test(
        arguments: [
            ("", []), (";a", ["a"]), (";a=b", ["a=b"]), (";a=b;c", ["a=b", "c"]), (" ; a = b ; c ", ["a=b", "c"]),
            (";a=\"b;c\";d", ["a=\"b;c\"", "d"]), (";a=\"b\\\";c\";d", ["a=\"b\\\";c\"", "d"]), (";;a;", ["a"]),
            (";a=b=c", ["a=b=c"]), (";a=", ["a="]), (";=b", []), (";a=\"b", ["a=\"b"]), (";a\r\n =\r\n b", ["a=b"]),
            ("x;a", ["a"]),
        ] as [(String, [String])])
    func `parameters are read in order`(text: String, list: [String]) {
        let bytes = Array("(\(text)".utf8)
        let found = Parameters(1..<bytes.count).all(in: bytes)
        #expect(found.map { string(bytes, $0.name) + ($0.value.map { "=" + string(bytes, $0) } ?? "") } == list)
    }

    @Test(
        arguments: [
            (";lr", "lr", ""), (";LR", "lr", ""), (";a=1;lr=on;lr=off", "lr", "on"), (";lrx;xlr", "lr", nil),
            (";x=\";lr\"", "lr", nil), (";x=lr", "lr", nil), ("", "lr", nil),
        ] as [(String, String, String?)])
    func `the first parameter of a name is found`(text: String, name: String, value: String?) {
        let bytes = Array(text.utf8)
        let found = Parameters(bytes.indices).first("lr", in: bytes)
        #expect(found.map { $0.value.map { string(bytes, $0) } ?? "" } == value)
    }

    @Test func `a parameter's whole reaches from its semicolon to the next`() {
        let bytes = Array("a;b = c ;d".utf8)
        #expect(Parameters(1..<bytes.count).all(in: bytes).map { string(bytes, $0.whole) } == [";b = c ", ";d"])
    }

    // MARK: name-addr and addr-spec

    @Test(arguments: [
        ("sip:a@b", "sip:a@b", ""), ("<sip:a@b>", "sip:a@b", ""), ("A <sip:a@b>", "sip:a@b", ""),
        ("A<sip:a@b>", "sip:a@b", ""), ("\"A\"<sip:a@b>;x", "sip:a@b", ";x"),
        ("<sip:a@b;lr>;x=y", "sip:a@b;lr", ";x=y"),
        ("sip:a@b;x=y", "sip:a@b", ";x=y"), ("\"<\\\">\" <sip:a@b> ; x", "sip:a@b", "; x"), ("*", "*", ""),
        ("A b-c.d!e <sip:a>", "sip:a", ""), ("Zoë <sip:a>", "sip:a", ""), ("\r\n <sip:a>", "sip:a", ""),
        ("<sip:a?b=c>", "sip:a?b=c", ""), ("\"a;b,c\" <sip:a>", "sip:a", ""), ("<isbn:123>", "isbn:123", ""),
    ])
    func `a value's URI and parameters are found`(text: String, uri: String, parameters: String) throws {
        let bytes = Array("(\(text))".utf8)
        let value = try #require(NameAddress(1..<(bytes.count - 1), in: bytes))
        #expect(string(bytes, value.uri) == uri)
        #expect(string(bytes, value.parameters) == parameters)
        #expect(value.hasBrackets == text.contains("<sip") || text.contains("<isbn"))
    }

    @Test(arguments: [
        "", " ", "<>", "<", "<sip:a", "sip:a@b?x=y", "\"a <sip:b>", "a, b <sip:c>", "a:b <sip:c>", "a@b <sip:c>",
        "< sip:a>", "<sip:a >", "<\tsip:a>", "<sip:a> b", "<sip:a>b;c", ";tag=x", "a;b <sip:c>", "(a) <sip:b>",
        "\"a\\\" <sip:b>", "<<sip:a>>", "=<sip:a>",
    ])
    func `what is no address is not read`(text: String) {
        let bytes = Array(text.utf8)
        let value = NameAddress(bytes.indices, in: bytes)
        #expect(value == nil || URI(value?.uri ?? 0..<0, in: bytes) == nil)
    }

    @Test(
        arguments: [("<sip:a>;tag=x", "x"), ("sip:a;TAG = y", "y"), ("<sip:a;tag=z>", nil), ("<sip:a>", nil)]
            as [(String, String?)])
    func `the tag is a header parameter`(text: String, tag: String?) throws {
        let bytes = Array(text.utf8)
        let value = try #require(NameAddress(bytes.indices, in: bytes))
        #expect(value.tag(in: bytes).map { string(bytes, $0) } == tag)
    }

    // MARK: Via

    @Test(
        arguments: [
            ("SIP/2.0/UDP a", "UDP", "a", nil, nil),
            ("SIP/2.0/TLS a.b:5061;branch=z9hG4bKx", "TLS", "a.b", 5061, "z9hG4bKx"),
            ("sip / 2.0 / tcp  1.2.3.4 : 80 ; branch = x ; rport", "tcp", "1.2.3.4", 80, "x"),
            ("SIP/2.0/UDP [::1]:65535;Branch=y", "UDP", "[::1]", 65535, "y"),
            ("SIP/2.0/X-Y [2001:db8::]", "X-Y", "[2001:db8::]", nil, nil),
            ("SIP/7.0/UDP a", "UDP", "a", nil, nil), ("SIP/2.0/UDP\r\n a\r\n ;branch=z", "UDP", "a", nil, "z"),
            ("SIP/2.0/UDP a;x=\";branch=1\";branch=2", "UDP", "a", nil, "2"),
        ] as [(String, String, String, UInt16?, String?)])
    func `a Via is read`(text: String, transport: String, host: String, port: UInt16?, branch: String?) throws {
        let bytes = Array(text.utf8)
        let via = try #require(Via(bytes.indices, in: bytes))
        #expect(string(bytes, via.transport) == transport)
        #expect(string(bytes, via.host) == host)
        #expect(via.port == port)
        #expect(via.branch.map { string(bytes, $0) } == branch)
        #expect(via.isWellFormed)
    }

    @Test(arguments: [
        "", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 a", "SIP/2.0/UDPa;b", "HTTP/1.1/TCP a", "SIP/2.0/UDP a b",
        "SIP/2.0/UDP a:",
        "SIP/2.0/UDP a:0", "SIP/2.0/UDP a:65536", "SIP/2.0/UDP a:-1", "SIP/2.0/UDP a:+1", "SIP/2.0/UDP a:b",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP ::1", "SIP/2.0/UDP [a]", "SIP/2.0/UDP []", "SIP/2.0/UDP [::1]x", "SIP/2.0/UDP ;branch=x",
        "SIP//UDP a",
        "/2.0/UDP a", "SIP/2.0/UDP <a>", "SIP/2.0/UDP \"a\"",
    ])
    func `what is no Via is not read`(text: String) {
        let bytes = Array(text.utf8)
        #expect(Via(bytes.indices, in: bytes) == nil)
    }

    @Test(arguments: [";", ";;branch=x", ";branch=x;", ";=x", ";branch=", ";branch=x;branch=y", ";received=", ";a b"])
    func `stray separators and empty values make a Via malformed`(parameters: String) {
        let bytes = Array("SIP/2.0/UDP a\(parameters)".utf8)
        #expect(Via(bytes.indices, in: bytes)?.isWellFormed == false)
    }

    @Test(arguments: [
        ("z9hG4bKx", true), ("Z9HG4BKx", true), ("z9hG4bK", false), ("z9hG4b", false), ("xz9hG4bK", false),
        ("1", false),
    ])
    func `the magic cookie, and something after it`(branch: String, hasCookie: Bool) throws {
        let bytes = Array("SIP/2.0/UDP a;branch=\(branch)".utf8)
        #expect(try #require(Via(bytes.indices, in: bytes)).hasMagicCookie(in: bytes) == hasCookie)
    }

    private func string(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }
}
