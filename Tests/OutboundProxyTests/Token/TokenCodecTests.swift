import NetworkTypes
import OutboundProxy
import TLS
import Testing

@Suite("Tokens")
struct TokenCodecTests {
    static let key = DeterministicCipher.Key(randomWithID: 1)
    static let callID = Array("3848276298220188511@192.168.0.2".utf8)
    static let asterisk = Array("sip:s@192.168.0.2:5060;line=vtqvcuo".utf8)

    static let route = TokenContent.route(
        TokenRoute(
            side: .inside, transport: .udp,
            flow: Flow(listener: ListenerID(3), peer: SocketAddress(IPAddress(v4: 0xc0a8_0002), 5060))))

    static func codec(_ key: DeterministicCipher.Key = key, store: MemoryTokenStore = MemoryTokenStore()) -> TokenCodec
    {
        TokenCodec(cipher: DeterministicCipher(current: key), store: store)
    }

    static func isLegal(_ token: [UInt8]) -> Bool {
        token.count <= 96
            && token.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    @Test(
        "gives 100,000 URIs of every spelling back octet for octet, and the same token from any instance",
        arguments: 1...4)
    func everySpelling(seed: UInt64) {
        let store = MemoryTokenStore()
        let (first, second) = (Self.codec(store: store), Self.codec(store: store))
        var generator = URIGenerator(seed: seed)
        var failures: [String] = []
        for round in 0..<25_000 {
            let uri = generator.next()
            let content: TokenContent = round.isMultiple(of: 2) ? .registration(uri: uri) : .dialog(uri: uri)
            let token = first.token(for: content, callID: Self.callID) ?? []
            let isSame = !round.isMultiple(of: 5) || second.token(for: content, callID: Self.callID) == token
            if !Self.isLegal(token) || first.content(of: token, callID: Self.callID) != content || !isSame {
                failures.append(String(decoding: uri, as: UTF8.self))
            }
        }
        #expect(failures == [])
        #expect((1_000..<24_000).contains(store.count))
    }

    @Test("gives any octets back, even where they are no URI")
    func anyOctets() {
        let codec = Self.codec()
        var random = SeededGenerator(seed: 2)
        for _ in 0..<5_000 {
            let prefix =
                ["", "sip:", "sips:a@", "sip:[", "sip:[::1]:", "sip:1.2.3.4;"].randomElement(using: &random) ?? ""
            let tail = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
                UInt8.random(in: 0 ... .max, using: &random)
            }
            let content = TokenContent.registration(uri: Array(prefix.utf8) + tail)
            let token = codec.token(for: content, callID: [])
            #expect(token.flatMap { codec.content(of: $0, callID: []) } == content)
        }
    }

    @Test(
        "needs no store for what PBXs write",
        arguments: [
            "sip:s@192.168.0.2:5060;line=vtqvcuo", "sip:asterisk@192.168.100.200:5060;transport=tls;line=abcdefgh",
            "sip:gw+my.itsp.com@192.168.0.2:5080;transport=udp;gw=my.itsp.com",
            "sip:1000@[2001:db8:1234:5678:9abc:def0:1234:5678]:5061;transport=tcp;ob",
            "sips:+15551234567890@[fd00::2]:5061;transport=tls", "sip:mod_sofia@pbx.example.org:5060;transport=tcp",
            "sip:1000@192.168.0.2:51234;rinstance=6d3c8a0f1b2e4d5c",
        ])
    func fitsWithoutStore(uri: String) throws {
        let store = MemoryTokenStore()
        let token = try #require(Self.codec(store: store).token(for: .registration(uri: Array(uri.utf8)), callID: []))
        #expect(Self.isLegal(token))
        #expect(store.count == 0)
    }

    @Test("keeps the longest URI that fits itself in 96 characters, and one octet more in the store")
    func longestToken() throws {
        let store = MemoryTokenStore()
        let codec = Self.codec(store: store)
        let longest = Array("tel:".utf8) + [UInt8](repeating: 0x31, count: 49)
        #expect(try #require(codec.token(for: .dialog(uri: longest), callID: [])).count == 96)
        #expect(store.count == 0)
        let content = TokenContent.dialog(uri: longest + [0x31])
        let token = try #require(codec.token(for: content, callID: []))
        #expect(store.count == 1)
        #expect(codec.content(of: token, callID: []) == content)
        #expect(Self.codec().content(of: token, callID: []) == nil, "another node without the store has no original")
    }

    @Test("refuses URIs beyond 4,096 octets")
    func limit() {
        let uri = Array("sip:".utf8) + [UInt8](repeating: 0x61, count: 4092)
        #expect(Self.codec().token(for: .registration(uri: uri), callID: []) != nil)
        #expect(Self.codec().token(for: .registration(uri: uri + [0x61]), callID: []) == nil)
    }

    @Test("binds all but registration tokens to the Call-ID")
    func callID() throws {
        let codec = Self.codec()
        let other = Array("other".utf8)
        let contents = [TokenContent.registration(uri: Self.asterisk), .dialog(uri: Self.asterisk), Self.route]
        for (content, isBound) in zip(contents, [false, true, true]) {
            let token = try #require(codec.token(for: content, callID: Self.callID))
            #expect(codec.content(of: token, callID: Self.callID) == content)
            #expect(codec.content(of: token, callID: other) == (isBound ? nil : content))
            #expect((codec.token(for: content, callID: other) == token) == !isBound)
        }
    }

    @Test("security 27: opens no token with any bit changed, cut, or lengthened")
    func forged() throws {
        let codec = Self.codec()
        for content in [TokenContent.registration(uri: Self.asterisk), .dialog(uri: Self.asterisk), Self.route] {
            let token = try #require(codec.token(for: content, callID: Self.callID))
            for bit in 0..<token.count * 8 {
                var forged = token
                forged[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(codec.content(of: forged, callID: Self.callID) == nil)
            }
            for length in 0..<token.count {
                #expect(codec.content(of: Array(token.prefix(length)), callID: Self.callID) == nil)
            }
            for octet in UInt8.min ... .max { #expect(codec.content(of: token + [octet], callID: Self.callID) == nil) }
        }
    }

    @Test("security 27: opens no token as another kind")
    func wrongKind() throws {
        let codec = Self.codec()
        let letters = Array("rdh".utf8)
        for content in [TokenContent.registration(uri: Self.asterisk), .dialog(uri: Self.asterisk), Self.route] {
            let token = try #require(codec.token(for: content, callID: []))
            for letter in letters where letter != token[0] {
                #expect(codec.content(of: [letter] + token.dropFirst(), callID: []) == nil)
            }
        }
    }

    @Test("opens nothing made of random characters, or of random octets")
    func garbage() {
        let codec = Self.codec()
        var random = SeededGenerator(seed: 3)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<120, using: &random)
            let characters = (0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            let octets = (0..<length).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
            for text in [characters, Array("r".utf8) + characters, octets] {
                #expect(codec.content(of: text, callID: []) == nil)
            }
        }
    }

    @Test("opens tokens of the previous key, and none of a foreign one")
    func keys() throws {
        let next = DeterministicCipher.Key(randomWithID: 2)
        let token = try #require(Self.codec().token(for: .registration(uri: Self.asterisk), callID: []))
        let rotated = TokenCodec(
            cipher: DeterministicCipher(current: next, previous: Self.key), store: MemoryTokenStore())
        #expect(rotated.content(of: token, callID: []) == .registration(uri: Self.asterisk))
        #expect(rotated.token(for: .registration(uri: Self.asterisk), callID: []) != token)
        #expect(Self.codec(DeterministicCipher.Key(randomWithID: 1)).content(of: token, callID: []) == nil)
    }

    @Test("hides what it replaces")
    func hides() throws {
        let token = try #require(Self.codec().token(for: .registration(uri: Self.asterisk), callID: []))
        let text = String(decoding: token, as: UTF8.self)
        #expect(!text.contains("192") && !text.contains("vtqvcuo"))
    }

    @Test("carries routes of every side, transport and family", arguments: Side.allCases, TransportProtocol.allCases)
    func routes(side: Side, transport: TransportProtocol) throws {
        let codec = Self.codec()
        for text in ["192.0.2.1:5060", "[2001:db8::1]:65535"] {
            let peer = try #require(SocketAddress(text))
            for connection in [0, 1, UInt64.max] {
                let flow = Flow(listener: ListenerID(.max), peer: peer, connection: connection)
                let content = TokenContent.route(TokenRoute(side: side, transport: transport, flow: flow))
                let token = try #require(codec.token(for: content, callID: Self.callID))
                #expect(Self.isLegal(token))
                #expect(codec.content(of: token, callID: Self.callID) == content)
            }
        }
    }
}
