/// Writes one JSON object on one line, its members in the order in which they come.
struct JSONObject {
    private(set) var octets: [UInt8] = [UInt8(ascii: "{")]

    mutating func add(_ name: String, _ text: String?) {
        guard let text else { return }
        key(name)
        octets.append(quoting: text)
    }

    mutating func add(_ name: String, _ number: (some BinaryInteger)?) {
        guard let number else { return }
        key(name)
        octets.append(contentsOf: "\(number)".utf8)
    }

    /// With three digits behind the point; what is no number is left out.
    mutating func add(_ name: String, _ number: Double?) {
        guard let number, let thousandths = Int64(exactly: (number * 1_000).rounded()) else { return }
        key(name)
        octets.append(contentsOf: "\(Double(thousandths) / 1_000)".utf8)
    }

    mutating func add(_ name: String, _ time: Timestamp?) {
        guard let time else { return }
        key(name)
        octets.append(UInt8(ascii: "\""))
        time.write(into: &octets)
        octets.append(UInt8(ascii: "\""))
    }

    mutating func add(_ name: String, _ object: JSONObject) {
        key(name)
        octets += object.closed
    }

    mutating func add(_ name: String, _ objects: [JSONObject]) {
        key(name)
        octets.append(UInt8(ascii: "["))
        octets.append(contentsOf: objects.map(\.closed).joined(separator: [UInt8(ascii: ",")]))
        octets.append(UInt8(ascii: "]"))
    }

    var closed: [UInt8] { octets + [UInt8(ascii: "}")] }

    private mutating func key(_ name: String) {
        if octets.count > 1 { octets.append(UInt8(ascii: ",")) }
        octets.append(quoting: name)
        octets.append(UInt8(ascii: ":"))
    }
}
