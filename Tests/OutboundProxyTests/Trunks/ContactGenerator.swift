import NetworkTypes

/// Random Contact fields as a PBX may write them: every spelling of RFC 3261 §20.10 and §25.1, around URIs that name an
/// inside host.
struct ContactGenerator {
    /// One value: what stands before the URI, the URI, and what follows it.
    struct Contact {
        var before = ""
        var uri = ""
        var after = ""

        /// In an addr-spec without brackets.
        var isBare: Bool { !before.hasSuffix("<") }
        var text: String { before + uri + after }
        /// As it comes back: the brackets that an addr-spec gets stay.
        var restored: String { String((isBare ? "<\(uri)>\(after)" : text).drop { $0 == " " }) }
    }

    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    mutating func one(of choices: [String]) -> String { choices.randomElement(using: &random) ?? "" }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// One to four Contacts that differ in their URIs.
    mutating func contacts() -> [Contact] {
        var list: [Contact] = []
        let count = chance(60) ? 1 : number(2...4)
        while list.count < count {
            let contact = contact()
            if !list.contains(where: { $0.uri == contact.uri }) { list.append(contact) }
        }
        return list
    }

    /// The fields that hold them: in one line with commas, or in several, in any spelling of the name.
    mutating func fields(_ contacts: [Contact]) -> String {
        var text = ""
        for (index, contact) in contacts.enumerated() {
            if index > 0, chance(60) {
                text += one(of: [",", ", ", " , ", ",\r\n ", "\t,\t"])
            } else {
                if index > 0 { text += "\r\n" }
                text += one(of: [
                    "Contact:", "Contact: ", "CONTACT : ", "m:", "m: ", "M : ", "contact:\t", "Contact:\r\n  ",
                ])
            }
            text += contact.text
        }
        return text
    }

    mutating func contact() -> Contact {
        var contact = Contact()
        contact.after = parameters()
        guard !chance(20) else {
            contact.uri = uri(isBare: true)
            return contact
        }
        contact.before = displayName() + "<"
        contact.uri = uri(isBare: false)
        contact.after = ">" + contact.after
        return contact
    }

    private mutating func displayName() -> String {
        let name = one(of: [
            "", "", "", "Bob", "A. G. Bell", "\"\"", "\"A, B\"", "\"<sip:x@y>;a=b\"", "\"back\\\\slash \\\" quote\"",
            "\"Ünïcödé ☎\"", "J%c3%bcrgen", "~!*_+`'%", "\"\\,\\;\\<\"",
        ])
        return name.isEmpty ? one(of: ["", "", " "]) : name + one(of: [" ", " ", "  ", "\t"])
    }

    // MARK: Header parameters

    private mutating func parameters() -> String {
        (0..<(chance(40) ? 0 : number(1...4))).map { _ in
            one(of: ["", "", " "]) + ";" + one(of: ["", "", " "]) + parameter()
        }.joined()
    }

    private mutating func parameter() -> String {
        one(of: [
            "q=0.\(number(0...999))", "q=1", "Q=1.000", "expires=\(number(60...7200))", "EXPIRES = 3600",
            "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-\(number(100_000_000_000...999_999_999_999))>\"",
            "reg-id=\(number(1...9))", "methods=\"INVITE, ACK, BYE\"", "audio", "+sip.extended=\"a;b,c<d>\\\"e\"",
            "flag", "\(word(8, Self.token))=\(word(12, Self.token))", "\(word(5, ""))=\"\(word(20, " ,;<>@=?"))\"",
            "host=[2001:db8::1]", "pub-gruu=\"sip:callee@example.com;gr=urn:uuid:f81d4fae\"",
        ])
    }

    // MARK: URI

    private mutating func uri(isBare: Bool) -> String {
        let scheme = one(of: ["sip:", "sip:", "sip:", "sip:", "SIP:", "Sip:", "sips:", "SIPS:"])
        let text = scheme + userInfo(isBare: isBare) + host() + port()
        return isBare ? text : text + uriParameters() + headers()
    }

    /// Without brackets neither `;` nor `?` nor a comma may be in the URI (§20).
    private mutating func userInfo(isBare: Bool) -> String {
        if chance(12) { return "" }
        var text = one(of: [
            "s", "asterisk", "1000", "+15551234567", "gw+itsp", "a%20b", "%72oot", "*98", "(1)",
            word(40, isBare ? "&=+$/-_.!~*'()" : "&=+$,;?/-_.!~*'()"),
        ])
        if chance(12) { text += ":" + (chance(20) ? "" : word(12, isBare ? "&=+$" : "&=+$,")) }
        return text + "@"
    }

    private mutating func host() -> String {
        if chance(10) { return one(of: ["pbx.lan", "PBX.lan", "pbx.LAN"]) }
        if chance(70) { return "192.168.0.\(number(2...254))" }
        let last = String(number(2...65535), radix: 16, uppercase: chance(30))
        return "["
            + one(of: [
                "fd00:168::\(last)", "FD00:168::\(last)", "fd00:168:0:0:0:0:0:\(last)",
                "fd00:0168:0000:0000:0000:0000:0000:\(last)", "fd00:168::1:\(last)",
                "fd00:168:0:0::192.168.7.\(number(1...254))",
            ]) + "]"
    }

    private mutating func port() -> String {
        chance(30) ? "" : ":" + one(of: ["5060", "5061", "5080", "05060", "65535", "\(number(1024...65535))"])
    }

    private mutating func uriParameters() -> String {
        (0..<(chance(30) ? 0 : number(1...4))).map { _ in
            one(of: [
                ";transport=udp", ";transport=UDP", ";transport=tcp", ";transport=TLS", ";transport=sctp",
                ";TRANSPORT=udp", ";Transport=Udp", ";lr", ";lr=on", ";LR", ";ob",
                ";user=phone", ";user=ip", ";method=INVITE", ";gr", ";gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                ";line=\(word(8, ""))", ";rinstance=\(word(16, ""))", ";x-ast-orig-host=10.0.0.1:5060", ";sp",
                ";sp=r\(word(40, ""))",
                ";sp=d", ";r2=on", ";reg-id=1", ";alias=192.168.0.7~5060~1", ";\(word(10, "-.!%20"))",
                ";\(word(8, "-_.!~*'()[]/:&+$"))=\(word(90, "-_.!~*'()[]/:&+$"))", ";empty=", ";%6C%72=%6f%6E",
                ";l%69ne=1",
            ])
        }.joined()
    }

    private mutating func headers() -> String {
        guard chance(10) else { return "" }
        return "?"
            + (0...number(0...2)).map { _ in "\(word(10, "-"))=\(word(60, "[]/?:+$-_.!~*'()"))" }.joined(separator: "&")
    }

    private static let token = "-.!%*_+`'~"
    private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

    /// Letters, digits, escapes and the octets of `extra`; a letter first.
    mutating func word(_ limit: Int, _ extra: String) -> String {
        let extra = Array(extra.utf8)
        var word = [Self.letters[Int(random.next() % 52)]]
        for _ in 1..<max(2, number(1...limit)) {
            switch random.next() % 32 {
            case 0 where !extra.isEmpty: word += Array("%2F".utf8)
            case 1..<8 where !extra.isEmpty: word.append(extra[Int(random.next() % UInt64(extra.count))])
            default: word.append(Self.letters[Int(random.next() % 62)])
            }
        }
        return String(decoding: word, as: UTF8.self)
    }
}
