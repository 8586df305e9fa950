/// Bodies with one octet of theirs changed (security 15).
public enum OctetMutations {
    /// Visits every body with each of its octets changed: to every other octet with the full ``AttackLoad``, otherwise to
    /// `sample` others. The sample goes round: the octets at one position are others than those at the next.
    /// Returns how many it visited.
    @discardableResult
    public static func forEach(of bodies: [[UInt8]], sample: Int, visit: ([UInt8]) -> Void) -> Int {
        let count = AttackLoad.count(sample, full: 255)
        var turn = 0
        for body in bodies {
            var changed = body
            for index in body.indices {
                for _ in 0..<count {
                    // The step has no divisor in common with 255, so each of 1...255 has its turn.
                    turn = (turn + 101) % 255
                    changed[index] = body[index] ^ UInt8(turn + 1)
                    visit(changed)
                }
                changed[index] = body[index]
            }
        }
        return count * bodies.reduce(0) { $0 + $1.count }
    }
}
